#include "supervision/process_host.hpp"

#include "actor_system/actor_link.hpp"
#include "process/settings_request.hpp"
#include "supervision/process_link.hpp"
#include "supervision/tenants.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

namespace steward::supervision {

namespace {

std::string problem_of(const char* what, int error) {
  return std::string{what} + ": " + std::generic_category().message(error);
}

}  // namespace

process_host::process_host(std::string name)
    : name_(std::move(name)), errors_(std::make_shared<process_errors>(name_)) {}

process_host::~process_host() {
  if (control_ >= 0) ::close(control_);
}

/// With the lock.
std::string process_host::start(const process_place& place) {
  keeper_ = place.keeper;
  recorder_ = process::flight_recorder::create();
  if (!recorder_.valid()) return problem_of("a flight page", errno);
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return problem_of("a socket", errno);
  control_ = ends[0];
  const int errors = errors_->open();
  if (errors < 0) {
    const int problem = errno;
    ::close(ends[1]);
    return problem_of("a pipe", problem);
  }
  try {
    place.links->read_beside(errors_);
  } catch (const std::system_error& problem) {
    ::close(ends[1]);
    ::close(errors);
    return problem.what();
  }
  auto request = process::request_with(place.settings, tenants_main_name);
  request.fds = {ends[1], recorder_.fd()};
  request.stderr_fd = errors;
  const auto child =
      keeper_->start(request, [me = shared_from_this()](const process::exit_report& x) { me->on_exit(x); });
  ::close(ends[1]);
  ::close(errors);
  recorder_.close_fd();
  child_ = child.id;
  pid_ = child.pid;
  return child.error;
}

process_host::entry process_host::take_in(const process_place& place, const std::shared_ptr<process_tenant>& who,
                                          int link_fd, int page_fd) {
  const std::lock_guard lock{mutex_};
  if (over_) return {{}, true};
  const bool is_fresh = control_ < 0;
  if (is_fresh) {
    if (auto problem = start(place); !problem.empty()) {
      over_ = true;
      return {std::move(problem), false};
    }
  }
  if (const int problem = send_tenant(control_, link_fd, page_fd); problem != 0) {
    // One that has ended is about to be told of. One that takes nothing any more is of no use to anybody.
    over_ = true;
    keeper_->kill(child_, SIGKILL);
    const bool has_ended = problem == EPIPE || problem == ECONNRESET;
    if (is_fresh && has_ended) return {"its process has ended before it was let in"};
    return {problem_of("its process does not let it in", problem), has_ended};
  }
  tenants_.emplace_back(who.get(), who);
  return {};
}

void process_host::leave(const process_tenant& who) {
  const std::lock_guard lock{mutex_};
  const auto gone = std::erase_if(tenants_, [&](const auto& x) { return x.first == &who; });
  if (gone == 0 || !tenants_.empty() || report_) return;
  over_ = true;
  keeper_->kill(child_, SIGKILL);
}

void process_host::kill(const cause& why, const std::string& by) {
  const std::lock_guard lock{mutex_};
  if (report_ || child_ == 0) return;
  over_ = true;
  if (!killed_) killed_.emplace(why, by);
  keeper_->kill(child_, SIGKILL);
}

int process_host::pid() const {
  const std::lock_guard lock{mutex_};
  return pid_;
}

std::vector<std::string> process_host::last_lines() {
  const std::lock_guard lock{mutex_};
  if (!last_lines_) last_lines_ = errors_->finish();
  return *last_lines_;
}

void process_host::on_exit(const process::exit_report& report) {
  {
    const std::lock_guard lock{mutex_};
    over_ = true;
    report_ = report;
  }
  if (report.signaled && !recorder_.find_names([me = shared_from_this()] { me->tell_tenants(); })) return;
  tell_tenants();
}

void process_host::tell_tenants() {
  std::vector<std::shared_ptr<process_tenant>> all;
  std::string killer;
  {
    const std::lock_guard lock{mutex_};
    for (const auto& [raw, who] : std::exchange(tenants_, {}))
      if (auto one = who.lock()) all.push_back(std::move(one));
    if (killed_) killer = killed_->second;
  }
  // It was killed for one of them, or only one had something in hand.
  const auto is_guilty = [&](const auto& one) { return killer.empty() ? one->was_busy() : one->is_called(killer); };
  const auto others = std::stable_partition(all.begin(), all.end(), is_guilty);
  if (others - all.begin() != 1) return tell(all, nullptr);
  const auto culprit = all.front();
  {
    const std::lock_guard lock{mutex_};
    culprit_ = culprit.get();
    later_.assign(others, all.end());
  }
  tell({culprit}, culprit.get());
}

void process_host::was_heard(const process_tenant& who) {
  std::vector<std::shared_ptr<process_tenant>> all;
  {
    const std::lock_guard lock{mutex_};
    if (culprit_ != &who) return;
    culprit_ = nullptr;
    all.swap(later_);
  }
  tell(all, &who);
}

void process_host::tell(const std::vector<std::shared_ptr<process_tenant>>& whom, const process_tenant* culprit) {
  std::optional<cause> killed;
  std::optional<cause> killed_for_other;
  if (killed_) {  // no more than once, before the report
    killed = killed_for_other = killed_->first;
    killed_for_other->message += (killed->message.empty() ? "for " : ", for ") + killed_->second;
  }
  for (const auto& one : whom) {
    const bool innocent = culprit != nullptr && one.get() != culprit;
    one->on_host_exit(*report_, killed_ && !one->is_called(killed_->second) ? killed_for_other : killed, innocent);
  }
}

}  // namespace steward::supervision
