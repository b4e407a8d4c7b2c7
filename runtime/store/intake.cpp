#include "store/intake.hpp"

#include "base/weight.hpp"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

namespace steward::store {
namespace {

// Blocks that are kept for what comes next.
constexpr std::size_t most_spare_blocks = 16;

/// What should not wait for more to come.
bool is_urgent(event_kind kind) noexcept {
  return kind == event_kind::crash || kind == event_kind::give_up || kind == event_kind::run_end;
}

}  // namespace

/// Crashes and ends find room where nothing else does any more.
bool intake::has_room(std::size_t bytes, bool urgent) {
  if (bytes_ + bytes <= most_bytes_ + (urgent ? most_bytes_ / 8 : 0)) return true;
  ++lost_;
  return false;
}

void intake::note(locked& lock, std::size_t bytes, bool urgent) {
  bytes_ += bytes;
  waiting_.bytes += bytes;
  ++waiting_.count;
  ++accepted_;
  const bool full_enough = waiting_.bytes >= enough() && waiting_.bytes - bytes < enough();
  const bool wake = sleeps_ || full_enough || (urgent && !urgent_);
  sleeps_ = false;
  urgent_ = urgent_ || urgent;
  lock.unlock();
  if (wake) came_.notify_one();
}

void intake::put(const event& e) noexcept {
  const auto bytes = weight_of(e);
  const bool urgent = is_urgent(e.kind);
  locked lock{mutex_};
  if (!has_room(bytes, urgent)) return;
  try {
    auto& blocks = waiting_.blocks;
    if (blocks.empty() || blocks.back().size() == batch::block_events) {
      if (spare_.empty()) {
        blocks.emplace_back().reserve(batch::block_events);
      } else {
        blocks.push_back(std::move(spare_.back()));
        spare_.pop_back();
      }
    }
    auto& copy = blocks.back().emplace_back(e);
    if (copy.why) copy.why->original = nullptr;  // what users throw is not ours to destroy elsewhere
  } catch (const std::exception&) {              // there is no memory
    ++lost_;
    return;
  }
  note(lock, bytes, urgent);
}

void intake::put(const sample& x) noexcept {
  const auto bytes = weight_of(x);
  locked lock{mutex_};
  if (!has_room(bytes, false)) return;
  try {
    waiting_.samples.push_back(x);
  } catch (const std::exception&) {  // there is no memory
    ++lost_;
    return;
  }
  note(lock, bytes, false);
}

batch intake::take(clock::time_point until) {
  locked lock{mutex_};
  sleeps_ = true;
  came_.wait_until(lock, until, [this] { return !waiting_.empty() || closed_; });
  sleeps_ = false;
  if (!waiting_.empty()) {
    came_.wait_until(lock, clock::now() + gather_for_,
                     [&] { return urgent_ || closed_ || waiting_.bytes >= enough(); });
  }
  urgent_ = false;
  return std::exchange(waiting_, {});
}

void intake::done(batch&& what, std::uint64_t lost) {
  const std::lock_guard guard{mutex_};
  bytes_ -= what.bytes;
  done_ += what.count;
  lost_ += lost;
  for (auto& block : what.blocks) {
    if (spare_.size() == most_spare_blocks) break;
    block.clear();
    spare_.push_back(std::move(block));
  }
  settled_.notify_all();
}

bool intake::pause(std::chrono::milliseconds how_long) {
  locked lock{mutex_};
  return !came_.wait_for(lock, how_long, [this] { return closed_; });
}

void intake::failed() {
  const std::lock_guard guard{mutex_};
  ++failures_;
  settled_.notify_all();
}

bool intake::wait_until_done(clock::time_point limit) {
  locked lock{mutex_};
  const auto mark = accepted_;
  const auto most_failures = failures_ + 2;
  urgent_ = true;
  came_.notify_one();
  settled_.wait_until(lock, limit, [&] { return done_ >= mark || failures_ >= most_failures; });
  return done_ >= mark;
}

void intake::close() {
  const std::lock_guard guard{mutex_};
  closed_ = true;
  came_.notify_all();
}

bool intake::is_closed() const {
  const std::lock_guard guard{mutex_};
  return closed_;
}

std::vector<event> intake::waiting_in_copy() noexcept {
  std::vector<event> out;
  const std::unique_lock lock{mutex_, std::try_to_lock};
  if (!lock.owns_lock()) return out;  // by a thread that the copy does not have
  try {
    for (const auto& block : waiting_.blocks) out.insert(out.end(), block.begin(), block.end());
  } catch (const std::exception&) {  // there is no memory: what is there has to do
  }
  return out;
}

std::uint64_t intake::lost() const {
  const std::lock_guard guard{mutex_};
  return lost_;
}

}  // namespace steward::store
