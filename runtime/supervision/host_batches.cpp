#include "supervision/tree_host.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

// Many dynamic children by one request: they are made and started some at a time, so that what is under way is bounded,
// whatever was asked for.

namespace steward::supervision {

namespace {

/// Children of a batch that may be starting at once.
constexpr std::size_t started_at_once = policy::supervisor_machine::started_at_once;

}  // namespace

struct tree_host::batch {
  std::string supervisor;
  std::vector<param_map> params;  // empty: children without any of their own
  std::size_t count = 0;
  std::size_t next = 0;                                      // to be started
  std::unordered_map<child::number, std::size_t> under_way;  // positions, by child
  bool starting = false;                                     // `continue_batch` runs
  batch_result result;
  batch_callback answer;

  const param_map* params_of(std::size_t position) const { return params.empty() ? nullptr : &params[position]; }
  void fail(std::size_t position, admin_code code, const cause& why = {}) {
    if (result.code == admin_code::ok) result.code = code;
    result.children[position].code = code;
    result.children[position].why = why;
  }
  /// Nobody is there to start or to answer for what is left.
  void fail_rest() {
    for (const auto& [child, position] : std::exchange(under_way, {})) fail(position, admin_code::noproc);
    for (; next < count; ++next) fail(next, admin_code::noproc);
  }
  void finish() {
    if (auto f = std::exchange(answer, nullptr)) f(std::move(result));
  }
};

void tree_host::start_children(const std::string& supervisor, std::vector<param_map> params, batch_callback answer) {
  auto x = std::make_shared<batch>();
  x->count = params.size();
  x->params = std::move(params);
  x->answer = std::move(answer);
  begin_batch(supervisor, x);
}

void tree_host::start_children(const std::string& supervisor, std::size_t count, batch_callback answer) {
  auto x = std::make_shared<batch>();
  x->count = count;
  x->answer = std::move(answer);
  begin_batch(supervisor, x);
}

void tree_host::begin_batch(const std::string& supervisor, const batch_ptr& x) {
  auto* owner = supervisor_at(supervisor);
  const bool takes_any = owner != nullptr && (owner->partitioned() || owner->dynamic());
  x->supervisor = supervisor;
  if (!takes_any) {
    x->result.code = owner == nullptr ? admin_code::noproc : admin_code::unsupported;
    x->finish();
    return;
  }
  // Of partitions any one may be asked: they have one template.
  const auto& pattern = owner->partitioned() ? *at(owner->children().numbers().front()).as_supervisor() : *owner;
  const auto& spec = pattern.content().children.front();
  auto& faults = x->result.faults;
  if (x->params.empty() && x->count > 0) faults = check_own_params(*env_.actors, spec, {}, supervisor);
  for (const auto& params : x->params) {
    auto more = faults_of_own(pattern, params, supervisor);
    faults.insert(faults.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  if (!faults.empty()) {
    x->result.code = admin_code::invalid;
    x->finish();
    return;
  }
  admin_result unknown;
  unknown.path = supervisor;
  x->result.children.assign(x->count, unknown);
  continue_batch(x);
}

void tree_host::continue_batch(const batch_ptr& x) {
  if (std::exchange(x->starting, true)) return;
  while (x->next < x->count && x->under_way.empty()) {
    auto* owner = supervisor_at(x->supervisor);
    if (owner == nullptr) {
      x->fail_rest();
      break;
    }
    const auto end = std::min(x->count, x->next + started_at_once);
    std::map<child::number, std::vector<std::size_t>> by_owner;
    for (; x->next < end; ++x->next)
      by_owner[owner->partitioned() ? owner->partition_for(*this, {}).id : owner->id].push_back(x->next);
    for (const auto& [number, positions] : by_owner) start_some(number, x, positions);
  }
  x->starting = false;
  if (x->next == x->count && x->under_way.empty()) x->finish();
}

void tree_host::start_some(child::number supervisor, const batch_ptr& x, const std::vector<std::size_t>& positions) {
  auto* found = find(supervisor);  // what other partitions began may have ended all
  auto* owner = found != nullptr ? found->as_supervisor() : nullptr;
  if (owner == nullptr || !owner->in_service()) {
    for (const auto position : positions) x->fail(position, admin_code::noproc);
    return;
  }
  std::vector<child::number> numbers;
  numbers.reserve(positions.size());
  auto room = owner->room(*this);
  for (const auto position : positions) {
    if (room-- == 0) {
      x->fail(position, admin_code::max_children, too_many(*owner));
      room = 0;
      continue;
    }
    const auto& made = owner->add_dynamic(*this, x->params_of(position));
    numbers.push_back(made.id);
    x->result.children[position].path = made.path();
    x->under_way.emplace(numbers.back(), position);
  }
  if (numbers.empty()) return;
  const auto request = ++last_request_;
  batches_.emplace(request, x);
  const bool asked = feed(*owner, [&](policy::supervisor_machine& m) {
    return m.start_children(numbers, owner->template_policy(), request, now());
  });
  if (!asked) batches_.erase(request);
  for (const auto number : numbers) {  // refused
    if (auto* left = find(number); left != nullptr && !left->started_before) erase(*left);
    if (asked) continue;
    x->fail(x->under_way.extract(number).mapped(), admin_code::noproc);
  }
}

void tree_host::continue_batches() {
  for (const auto& x : std::exchange(continuing_, {})) continue_batch(x);
}

bool tree_host::take_batch_reply(const policy::action::reply& reply) {
  const auto found = batches_.find(reply.request);
  if (found == batches_.end()) return false;
  const auto x = found->second;
  if (!reply.more) batches_.erase(found);
  auto member = x->under_way.extract(reply.child);
  if (!member.empty()) {
    auto& told = x->result.children[member.mapped()];
    told.extra = reply.extra;
    if (reply.code == admin_code::ok) {
      ++x->result.started;
      if (const auto* child = find(reply.child)) told.handle = child->handle();
    } else {
      x->fail(member.mapped(), reply.code, *reply.why);
    }
  }
  if (x->under_way.empty()) continuing_.push_back(x);  // when all that is in hand has been carried out
  return true;
}

void tree_host::refuse_all_batches() {
  for (auto& [request, x] : std::exchange(batches_, {})) {
    if (x->answer == nullptr) continue;  // it has an entry for each partition
    x->fail_rest();
    x->finish();
  }
}

}  // namespace steward::supervision
