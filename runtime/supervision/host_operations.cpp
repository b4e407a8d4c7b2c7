#include "supervision/tree_host.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>

// What operators do to a running tree, and how that is told.

namespace steward::supervision {

event operator_event(std::string text, const std::string& by) {
  event e;
  e.kind = event_kind::operator_;
  e.level = event_level::info;
  e.text = std::move(text);
  if (!by.empty()) e.by = by;
  return e;
}

namespace {

cause killed_by(const std::string& by) {
  cause out;
  out.cls = cause_class::killed;
  out.message = by.empty() ? "killed by hand" : "killed by " + by;
  return out;
}

bool is_refusal(admin_code code) { return code != admin_code::ok && code != admin_code::failed; }

/// One request of an operator: tells of it, once, and refuses it.
class intervention {
public:
  intervention(operation what, std::string path, std::string by, event_log* events)
      : what_(what), path_(std::move(path)), by_(std::move(by)), events_(events) {}

  void tell(const std::string& more = {}, event_level level = event_level::info) const {
    auto e = operator_event(std::string{to_string(what_)} + " of " + path_ + more, by_);
    e.level = level;
    e.actor = path_;
    events_->emit(std::move(e));
  }

  admin_result refuse(admin_code code, std::string why) const {
    tell(" was refused: " + why, event_level::warn);
    return refusal(code, std::move(why));
  }

  admin_result refusal(admin_code code, std::string why) const {
    admin_result out;
    out.code = code;
    out.path = path_;
    out.why.message = std::move(why);
    return out;
  }

private:
  operation what_;
  std::string path_;
  std::string by_;
  event_log* events_;
};

policy::actions apply(operation what, policy::supervisor_machine& m, child::number number, const cause& why,
                      policy::request_number request, policy::time_point now) {
  switch (what) {
    case operation::start:
      return m.start_by_hand(number, request, now);
    case operation::stop:
      return m.terminate_child(number, request, now);
    case operation::restart:
      return m.restart_by_hand(number, request, now);
    case operation::kill:
      return m.kill_by_hand(number, why, request, now);
    case operation::park:
      return m.park_by_hand(number, request, now);
    case operation::revive:
      break;
  }
  const bool waits = m.knows(number) && m.state_of(number) == policy::child_state::waiting;
  return waits ? m.restart_by_hand(number, request, now) : m.start_by_hand(number, request, now);
}

}  // namespace

void tree_host::operate(operation what, const std::string& path, const std::string& by, admin_callback answer) {
  const intervention asked(what, path, by, env_.events);
  if (root_ == nullptr || !root_->in_service())
    return answer(asked.refuse(admin_code::noproc, "the tree is over, or about to be"));
  if (path == root_->path())
    return answer(asked.refuse(admin_code::unsupported, "the root is the whole tree: shut the run down instead"));
  if (const auto* found = child_node_at(path)) carry_out(found->parent->id);  // what came before is told before
  if (const auto* found = child_node_at(path)) return operate_child(what, found->id, path, by, std::move(answer));
  operate_worker(what, path, by, std::move(answer));
}

void tree_host::operate_child(operation what, child::number number, const std::string& path, const std::string& by,
                              admin_callback answer) {
  const intervention asked(what, path, by, env_.events);
  auto& owner = *at(number).parent;
  const auto already = std::make_shared<bool>(false);
  const auto in_turn = ask(
      [asked, answer, already](admin_result x) {
        if (is_refusal(x.code) && x.why.message.empty()) x = asked.refusal(x.code, describe(x.code));
        x.already = *already;
        answer(std::move(x));
      },
      path);
  std::optional<admin_code> at_once;
  bool acts = false;
  const bool taken = owner.desk()->feed([&](policy::supervisor_machine& m) {
    auto out = apply(what, m, number, killed_by(by), in_turn, now());
    for (const auto& x : out) {
      const auto* reply = std::get_if<policy::action::reply>(&x);
      if (reply != nullptr && reply->request == in_turn)
        at_once = reply->code;
      else
        acts = true;
    }
    return out;
  });
  if (!taken) at_once = admin_code::noproc;
  *already = at_once == admin_code::ok && !acts;
  if (at_once && is_refusal(*at_once))
    asked.tell(std::string{" was refused: "} + describe(*at_once), event_level::warn);
  else
    asked.tell(*already ? ", which was so already" : "");
  if (taken)
    carry_out(owner.id);
  else
    perform(owner, policy::action::reply{in_turn, admin_code::noproc, number});
}

void tree_host::operate_worker(operation what, const std::string& path, const std::string& by, admin_callback answer) {
  const intervention asked(what, path, by, env_.events);
  const auto cut = path.rfind('/');
  const bool ours = path.starts_with(root_->path() + "/");
  const auto found = ours ? env_.names->pool_at(path.substr(0, cut)) : nullptr;
  if (!found) {
    const auto* above = find(path.substr(0, cut));
    const bool down = above != nullptr && above->as_supervisor() != nullptr && !above->as_supervisor()->in_service();
    const auto code = down ? admin_code::noproc : admin_code::not_found;
    return answer(asked.refuse(code, describe(code)));
  }
  if (what != operation::kill)
    return answer(
        asked.refuse(admin_code::unsupported,
                     "a worker is its pool's: kill ends its process, and the pool can be restarted or resized"));
  if (found->spec().runs_in == rung::thread)
    return answer(asked.refuse(admin_code::unsupported,
                               "it is a thread, and threads cannot be killed; its pool can be restarted"));
  found->kill_worker(path.substr(cut + 1), killed_by(by), [asked, answer = std::move(answer)](bool killed) {
    if (!killed) return answer(asked.refuse(admin_code::not_running, "there is no such worker now"));
    asked.tell();
    answer(asked.refusal(admin_code::ok, {}));
  });
}

}  // namespace steward::supervision
