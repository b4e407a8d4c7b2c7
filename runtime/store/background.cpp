#include "store/background.hpp"

#include "observe/view_json.hpp"
#include "store/database.hpp"

#include <exception>
#include <memory>
#include <system_error>
#include <utility>

namespace steward::store {

picture picture_of(const run_view& view) { return {view.last_seq, view.now, json_of(view)}; }

background::~background() {
  {
    const std::lock_guard guard{mutex_};
    over_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

/// False: there is no thread to be had. Whatever it was is then done by whoever wanted it.
bool background::begin(locked& lock) {
  if (!thread_.joinable()) {
    try {
      thread_ = std::thread([this] { serve(); });
    } catch (const std::system_error&) {
      return false;
    }
  }
  lock.unlock();
  changed_.notify_one();
  return true;
}

bool background::render(const run_view& view) {
  {
    const std::lock_guard guard{mutex_};
    if (renders_ || rendered_) return false;
  }
  std::optional<run_view> copy{view};  // the only caller is here: nothing else begins meanwhile
  locked lock{mutex_};
  to_render_ = std::move(copy);
  renders_ = true;
  if (begin(lock)) return true;
  renders_ = false;
  rendered_ = picture_of(*std::exchange(to_render_, std::nullopt));
  return true;
}

std::optional<picture> background::take_rendered() {
  const std::lock_guard guard{mutex_};
  return std::exchange(rendered_, std::nullopt);
}

void background::take_log_in() {
  locked lock{mutex_};
  if (log_wanted_ || takes_log_in_) return;
  log_wanted_ = true;
  if (!begin(lock)) log_wanted_ = false;
}

int background::log_pages_taken() {
  const std::lock_guard guard{mutex_};
  return taken_;
}

void background::log_began_anew() {
  const std::lock_guard guard{mutex_};
  taken_ = 0;
}

void background::serve() {
  std::unique_ptr<database> own;
  locked lock{mutex_};
  for (;;) {
    changed_.wait(lock, [this] { return over_ || log_wanted_ || to_render_; });
    if (over_) return;
    if (log_wanted_) {
      log_wanted_ = false;
      takes_log_in_ = true;
      lock.unlock();
      int taken = 0;
      try {
        if (!own) own = std::make_unique<database>(path_, database::access::write);
        taken = own->take_log_in().value_or(0);
      } catch (const std::exception&) {  // whoever writes meets the same, and tells of it
        own.reset();
      }
      lock.lock();
      takes_log_in_ = false;
      taken_ = taken;
    }
    if (to_render_) {
      auto view = std::exchange(to_render_, std::nullopt);
      lock.unlock();
      auto text = picture_of(*view);
      view.reset();
      lock.lock();
      rendered_ = std::move(text);
      renders_ = false;
    }
  }
}

}  // namespace steward::store
