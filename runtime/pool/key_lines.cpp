#include "pool/key_lines.hpp"

#include <algorithm>
#include <utility>

namespace steward::pooling {

bool key_lines::join(const std::string& key, slip e) {
  const auto [found, is_new] = lines_.try_emplace(key);
  auto& of = found->second;
  if (of.out != 0) {
    of.behind.push_back(e);
    return false;
  }
  if (!is_new) idle_.erase(of.idle);
  of.out = e.id;
  return true;
}

/// Nothing of it is left. It keeps its worker, unless too many do.
void key_lines::rest(const std::string& key, line& of) {
  of.idle = idle_.insert(idle_.end(), &key);
  if (idle_.size() <= most_idle) return;
  const auto oldest = lines_.find(*idle_.front());
  idle_.pop_front();
  let_go(oldest->second.holder);
  lines_.erase(oldest);
}

std::vector<slip> key_lines::take_all() {
  std::vector<slip> out;
  for (auto& one : desks_) {
    for (const auto& waits : std::exchange(one.waits, {})) out.push_back(waits.task);
    one.keys = 0;
  }
  for (auto& [key, of] : lines_) out.insert(out.end(), of.behind.begin(), of.behind.end());
  lines_.clear();
  idle_.clear();
  due_ = 0;
  return out;
}

worker_ref key_lines::holder(const std::string& key) const {
  const auto found = lines_.find(key);
  return found == lines_.end() ? worker_ref{} : found->second.holder;
}

void key_lines::give(const std::string& key, worker_ref to) {
  const auto found = lines_.find(key);
  if (found == lines_.end() || found->second.holder == to) return;
  let_go(std::exchange(found->second.holder, to));
  auto& has = at(to.index);
  // The keys of the worker before it are nobody's.
  if (std::exchange(has.incarnation, to.incarnation) != to.incarnation) has.keys = 0;
  ++has.keys;
}

void key_lines::let_go(worker_ref of) {
  if (of.incarnation == 0) return;
  auto& had = at(of.index);
  if (had.incarnation == of.incarnation && had.keys > 0) --had.keys;
}

std::size_t key_lines::keys_of(worker_ref who) const {
  if (who.index >= desks_.size() || desks_[who.index].incarnation != who.incarnation) return 0;
  return desks_[who.index].keys;
}

key_lines::desk& key_lines::at(unsigned worker) {
  if (worker >= desks_.size()) desks_.resize(worker + 1);
  return desks_[worker];
}

void key_lines::wait_for(unsigned worker, due one) {
  auto& all = at(worker).waits;
  auto place = all.end();
  while (place != all.begin() && std::prev(place)->priority < one.priority) --place;
  all.insert(place, one);
  ++due_;
}

void key_lines::wait_first(unsigned worker, due one) {
  auto& all = at(worker).waits;
  const auto place = std::find_if(all.begin(), all.end(), [&](const due& x) { return x.priority <= one.priority; });
  all.insert(place, one);
  ++due_;
}

const key_lines::due* key_lines::next_due(unsigned worker) const {
  if (worker >= desks_.size() || desks_[worker].waits.empty()) return nullptr;
  return &desks_[worker].waits.front();
}

void key_lines::pop_due(unsigned worker) {
  at(worker).waits.pop_front();
  --due_;
}

std::deque<key_lines::due> key_lines::take_due(unsigned worker) {
  auto out = std::exchange(at(worker).waits, {});
  due_ -= out.size();
  return out;
}

}  // namespace steward::pooling
