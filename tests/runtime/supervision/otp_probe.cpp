#include "otp_probe.hpp"

#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>

#include <algorithm>
#include <new>
#include <stdexcept>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STEWARD_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define STEWARD_TEST_SANITIZED 1
#endif
#endif
#ifdef STEWARD_TEST_SANITIZED
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();  // g++ comes without the header
#else
#include <malloc.h>
#endif

namespace steward::testing_support {

const char* to_string(ending x) noexcept {
  switch (x) {
    case ending::normal:
      return "normal";
    case ending::shutdown:
      return "shutdown";
    case ending::detached:
      return "detached";
    case ending::error:
      return "error";
    case ending::killed:
      return "killed";
    case ending::crash:
      return "crash";
  }
  return "unknown";
}

std::size_t otp_book::tries_of(const std::string& path) const {
  return static_cast<std::size_t>(std::count(tries.begin(), tries.end(), path));
}

std::size_t otp_book::starts_of(const std::string& path) const {
  return static_cast<std::size_t>(std::count(starts.begin(), starts.end(), path));
}

void otp_book::forget() {
  tries.clear();
  starts.clear();
  ends.clear();
}

otp_book& book() {
  static otp_book all;
  return all;
}

otp_probe::otp_probe(self_ptr self, const actor_args& args)
    : self_(self),
      path_(args.path()),
      incarnation_(args.incarnation()),
      label_(args.text("label")),
      load_(args.text("load").size()) {
  auto& all = book();
  all.tries.push_back(path_);
  if (const auto known = all.always.find(path_); known != all.always.end()) how_ = known->second;
  if (auto& queue = all.next[path_]; !queue.empty()) {
    how_ = queue.front();
    queue.pop_front();
  }
  if (how_ == start_as::throws) throw std::runtime_error("no start today");
  if (how_ == start_as::declines) throw decline_start("nothing to do today");
  if (const auto told = all.extra.find(path_); told != all.extra.end()) args.tell_starter(told->second);
  ++all.alive;
}

otp_probe::~otp_probe() {
  --book().alive;
  book().ends.push_back(path_);
}

caf::behavior otp_probe::make_behavior() {
  if (how_ == start_as::throws_in_init) throw std::logic_error("no init today");
  if (how_ == start_as::no_behavior) return {};
  if (how_ == start_as::quits)
    self_->quit();
  else
    book().starts.push_back(path_);
  return {
      [this](caf::get_atom) { return incarnation_; },
      [this](caf::add_atom, std::int64_t x) { return sum_ += x; },
      [this](show_atom) { return label_; },
      [this](size_atom) { return static_cast<std::int64_t>(load_); },
      [](crash_atom) -> caf::result<std::int64_t> { throw std::runtime_error("boom"); },
      [](crash_atom, const std::string& what) -> caf::result<std::int64_t> {
        if (what == "logic_error") throw std::logic_error("boom");
        if (what == "invalid_argument") throw std::invalid_argument("boom");
        if (what == "bad_alloc") throw std::bad_alloc();
        if (what == "int") throw 42;
        throw std::runtime_error("boom");
      },
      [this](caf::delete_atom, std::int64_t how) { end(how); },
  };
}

void otp_probe::end(std::int64_t how) {
  if (const auto known = book().before_end.find(path_); known != book().before_end.end())
    std::exchange(known->second, [] {})();
  switch (static_cast<ending>(how)) {
    case ending::normal:
      return self_->quit();
    case ending::shutdown:
      return self_->quit(caf::exit_reason::user_shutdown);
    case ending::detached:
      return self_->quit(caf::exit_reason::remote_link_unreachable);
    case ending::error:
      return self_->quit(caf::make_error(caf::sec::runtime_error, std::string{"tired"}));
    case ending::killed:
      return self_->quit(caf::exit_reason::kill);
    case ending::crash:
      throw std::runtime_error("boom");
  }
}

std::size_t live_bytes() {
#ifdef STEWARD_TEST_SANITIZED
  return __sanitizer_get_current_allocated_bytes();
#else
  const auto now = ::mallinfo2();
  return now.uordblks + now.hblkhd;
#endif
}

otp_case::otp_case() {
  book() = {};
  actor_type<otp_probe>("otp_probe",
                        {{"label", param_type::text, param_value{std::string{}}, {}, {}, "what it answers"},
                         {"load", param_type::text, param_value{std::string{}}, {}, {}, "what it is to carry"}});
}

child_spec otp_case::probe(std::string id, restart_type restart) { return probe_with(std::move(id), {}, restart); }

child_spec otp_case::probe_with(std::string id, const param_map& params, restart_type restart) {
  auto out = child(std::move(id), "otp_probe", restart);
  out.backoff = backoff_spec{milliseconds{0}, milliseconds{0}, 1.0, 0.0, milliseconds{30'000}};
  auto all = params;
  all.insert({{"label", {std::string{}}}, {"load", {std::string{}}}});
  out.what = actor_spec{"otp_probe", std::move(all)};
  return out;
}

supervisor_spec otp_case::dynamic(restart_type restart, intensity limit, const std::string& id) {
  return tree({probe(id, restart)}, limit, strategy::simple_one_for_one);
}

child_spec otp_case::sub(std::string id, supervisor_spec spec, restart_type restart) {
  auto out = nested(std::move(id), std::move(spec), restart);
  out.backoff = backoff_spec{milliseconds{0}, milliseconds{0}, 1.0, 0.0, milliseconds{30'000}};
  return out;
}

void otp_case::start_ok(supervisor_spec spec) {
  start(std::move(spec));
  ASSERT_TRUE(started_);
  ASSERT_EQ(started_->failed_child, "") << describe(started_->why);
  ASSERT_FALSE(ended_);
}

void otp_case::anew() {
  stop();
  caf::anon_send_exit(host_, caf::exit_reason::user_shutdown);
  run();
  host_ = nullptr;
  names_.clear();
  started_.reset();
  ended_.reset();
  events_.clear();
  exits_.clear();
  exit_order_.clear();
  book() = {};
}

void otp_case::watch(const paths& which) {
  for (const auto& path : which) {
    const auto who = at(path);
    ASSERT_TRUE(who) << path;
    exits_[path] = "alive";
    caf::actor_cast<caf::abstract_actor*>(who)->attach_functor(
        [this, path, still = std::weak_ptr<int>(watching_)](const caf::error& reason) {
          if (still.expired()) return;
          exit_order_.push_back(path);
          auto& how = exits_[path];
          if (!reason || reason == caf::exit_reason::normal)
            how = "normal";
          else if (reason == caf::exit_reason::user_shutdown)
            how = "shutdown";
          else if (reason == caf::exit_reason::kill)
            how = "killed";
          else if (steward::code_of(reason) == errc::gave_up)
            how = "crashed";
          else
            how = describe(reason);
        });
  }
}

std::string otp_case::exit_of(const std::string& path) const {
  const auto known = exits_.find(path);
  return known == exits_.end() ? "not watched" : known->second;
}

void otp_case::quit(const std::string& path, ending how) {
  send(path, caf::delete_atom::value, static_cast<std::int64_t>(how));
  run();
}

void otp_case::kill(const std::string& path) {
  caf::anon_send_exit(at(path), caf::exit_reason::kill);
  run();
}

bool otp_case::lives(const std::string& path) { return status_of(path) == "running" && answering(path) > 0; }

std::uint64_t otp_case::answering(const std::string& path) {
  if (!at(path)) return 0;
  return ask<std::uint64_t>(path, caf::get_atom::value).value_or(0);
}

otp_case::counts otp_case::counts_of(const std::string& supervisor) {
  const auto all = count_children(supervisor);
  if (!all) return {};
  return {all->specs, all->active, all->supervisors, all->workers};
}

otp_case::paths otp_case::ids_of(const std::string& supervisor) {
  paths out;
  const auto all = which_children(supervisor);
  if (!all) return {"no such supervisor"};
  for (const auto& x : *all) out.push_back(x.id);
  return out;
}

admin_code otp_case::code_of(const std::optional<admin_result>& x) {
  if (!x) {
    ADD_FAILURE() << "no answer yet";
    return admin_code::timed_out;
  }
  return x->code;
}

}  // namespace steward::testing_support
