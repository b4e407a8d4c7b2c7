#include "supervision/supervisor_child.hpp"

#include "supervision/carried_out.hpp"
#include "supervision/tree_host.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <set>
#include <utility>

namespace steward::supervision {

namespace {

/// Numbers of a supervisor's children begin with its own block of them.
constexpr unsigned block_bits = 36;

std::shared_ptr<const policy::child_policy> policy_for(const child_spec& spec) {
  return std::make_shared<const policy::child_policy>(policy::policy_of(spec));
}

}  // namespace

supervisor_child::supervisor_child(number own_id, supervisor_child* owner, child_spec_ptr own_spec,
                                   child_address_ptr where, std::shared_ptr<supervisor_spec> content)
    : child(own_id, owner, std::move(own_spec), std::move(where)), content_(std::move(content)) {}

std::size_t supervisor_child::room(const tree_host& host) const {
  if (parent != nullptr && parent->partitioned()) return parent->room(host);
  const std::size_t limit = content_->max_children;
  if (limit == 0) return std::numeric_limits<std::size_t>::max();
  auto taken = children_.size();
  if (partitioned_) {
    taken = 0;
    for (const auto part : children_.numbers()) taken += host.at(part).as_supervisor()->children().size();
  }
  return limit - std::min(limit, taken);
}

bool supervisor_child::in_service() const {
  return desk_ && desk_->look([](const policy::supervisor_machine& m) { return m.in_service(); }, false);
}

void supervisor_child::disconnect() {
  if (desk_) desk_->remove();
}

policy::machine_options supervisor_child::options(const tree_host& host) const {
  policy::machine_options out;
  out.strategy = content_->strategy;
  out.intensity = content_->intensity;
  out.auto_shutdown = content_->auto_shutdown;
  out.seed = host.env().seed + id;
  out.keep_on_end = parent != nullptr && spec->restart != restart_type::temporary;
  out.owns_process = parent != nullptr && spec->runs_in == rung::process;
  return out;
}

void supervisor_child::start(tree_host& host) {
  if (!desk_)
    desk_ = std::make_shared<policy::supervisor_desk>(
        [me = host.handle(), number = id] { port::send_urgently(me, host_poke{number}); }, host.env().gather);
  asked_to_stop = false;
  last_ = {};
  failing.reset();
  if (routes()) host.env().names->put_partitions(path(), content_->partitions);
  if (dynamic() && content_->partitions != 0) {
    partitioned_ = true;
    content_ = with_partitions(*content_);
  }
  auto machine = std::make_unique<policy::supervisor_machine>(options(host));
  if (block_ == 0) block_ = host.next_number() << block_bits;
  for (const auto below : children_.numbers())  // those that start_child made do not come back
    if (auto& one = host.at(below); !one.fixed) host.erase(one);
  if (dynamic())
    add_dynamic_children(host, *machine);
  else
    add_listed_children(host, *machine);
  desk_->install(std::move(machine));
  if (!dynamic()) prepare_children(host);
  host.feed(*this, [&](policy::supervisor_machine& m) { return m.start(host.now()); });
}

void supervisor_child::take_template(tree_host& host) {
  template_spec_ = share(content_->children.front());
  template_policy_ = policy_for(*template_spec_);
  template_address_ = host.address_below(*this, path() + "/" + template_spec_->id + "-", block_);
  template_share_ = nullptr;
}

void supervisor_child::add_dynamic_children(tree_host& host, policy::supervisor_machine& machine) {
  take_template(host);
  for (unsigned i = 0; i < content_->initial; ++i) machine.add(add_dynamic(host, nullptr).id, template_policy_);
}

void supervisor_child::add_listed_children(tree_host& host, policy::supervisor_machine& machine) {
  std::set<std::string> there;
  for (const auto below : children_.numbers()) {
    const auto& old = host.at(below);
    there.insert(old.id_text());
    machine.add(below, policy_for(*old.spec), old.incarnation);
  }
  for (std::size_t position = 0; position < content_->children.size(); ++position) {
    const auto& x = content_->children[position];
    if (!there.contains(x.id)) machine.add(add_listed(host, x, position).id, policy_for(x));
  }
}

/// Listed children start one after the other: each is begun by the thread on which the one before has become ready.
void supervisor_child::prepare_children(tree_host& host) {
  for (const auto below : children_.numbers())
    if (auto begin = host.at(below).prepare(host)) desk_->prepare(below, std::move(begin));
}

child::number supervisor_child::number_for(const tree_host& host, std::optional<std::size_t> position) {
  constexpr unsigned generation_bits = 14;
  constexpr number generations = number{1} << generation_bits;
  constexpr number behind_the_list = number{1} << (block_bits - 1);
  if (dynamic()) return block_ + ++added_;
  if (!position) return block_ + behind_the_list + ++added_;
  auto& last = taken_[*position];
  number out = 0;
  do out = block_ + (*position << generation_bits) + ++last % generations;
  while (host.contains(out));
  return out;
}

child& supervisor_child::add(tree_host& host, child_spec_ptr x, child_address_ptr where,
                             std::optional<std::size_t> position) {
  auto made = make_child(number_for(host, position), this, std::move(x), std::move(where));
  made->fixed = position.has_value();
  children_.insert(made->id);
  return host.add(std::move(made));
}

child& supervisor_child::add_listed(tree_host& host, child_spec x, std::optional<std::size_t> position) {
  auto where = host.address_below(*this, path() + "/" + x.id, 0);
  auto& made = add(host, share(std::move(x)), std::move(where), position);
  host.introduce(made, "idle");
  return made;
}

child& supervisor_child::add_dynamic(tree_host& host, const param_map* own) {
  const bool differs = own != nullptr && !own->empty();
  auto& made =
      add(host, differs ? share(with_params(*template_spec_, *own)) : template_spec_, template_address_, std::nullopt);
  if (!differs) made.join_template(host, template_share_);
  if (made.as_supervisor() != nullptr) host.introduce(made, "idle");  // of others its `start` says enough
  return made;
}

supervisor_child& supervisor_child::partition_for(tree_host& host, const std::string& key) {
  const auto count = children_.size();
  const auto at = key.empty() ? turns_++ % count : std::hash<std::string>{}(key) % count;
  return *host.at(children_.numbers()[at]).as_supervisor();
}

void supervisor_child::stop(tree_host& host, const policy::action::stop_child& how) {
  if (how.brutal && !how.keep) {
    let_go(host);
    return;
  }
  const bool over = !desk_ || desk_->look([](const policy::supervisor_machine& m) { return m.over(); }, true);
  if (over) {
    if (!how.keep) let_go_of_children(host);
    host.stopped(*this);
    return;
  }
  asked_to_stop = true;
  host.feed(*this, [&](policy::supervisor_machine& m) { return m.stop(host.now(), how.keep, how.brutal); });
}

void supervisor_child::abandon(tree_host& host) { let_go(host); }

void supervisor_child::kill(tree_host& host, const cause& why) {
  host.feed(*this, [&](policy::supervisor_machine& m) { return m.fail(why, host.now()); });
}

void supervisor_child::let_go(tree_host& host) {
  let_go_of_children(host);
  disconnect();
}

void supervisor_child::let_go_of_children(tree_host& host) {
  const auto numbers = children_.numbers();
  for (auto it = numbers.rbegin(); it != numbers.rend(); ++it) {
    auto& one = host.at(*it);
    host.clear_timer(one);
    one.let_go(host);
    host.env().names->erase(one.path());
    host.tell_watchers_of_stop(one, policy::exit_class::shutdown, true);
    if (!one.fixed || one.spec->restart == restart_type::temporary) host.erase(one);
  }
}

void supervisor_child::introduce(event_child& into) const {
  into.kind = "supervisor";
  into.strategy = to_string(content_->strategy);
  into.limit = content_->intensity.restarts;
  into.period_ms = content_->intensity.within.count();
  if (!dynamic() || content_->children.empty()) return;
  const auto& what = content_->children.front().what;
  if (const auto* as_actor = std::get_if<actor_spec>(&what)) {
    into.makes = "actor";
    into.type = as_actor->type;
  } else if (const auto* as_pool = std::get_if<pool_spec>(&what)) {
    into.makes = "pool";
    into.type = as_pool->task;
  } else if (const auto* as_command = std::get_if<command_spec>(&what)) {
    into.makes = "command";
    into.type = as_command->run.front().substr(as_command->run.front().rfind('/') + 1);
  } else {
    into.makes = "supervisor";
  }
}

bool supervisor_child::complete(tree_host&, event& about) {
  if (about.kind == event_kind::crash && about.why) last_ = *about.why;
  return true;
}

}  // namespace steward::supervision
