#pragma once

#include "control/access.hpp"
#include "control/event_stream.hpp"
#include "control/http.hpp"
#include "control/operations.hpp"
#include "control/problem.hpp"
#include "observe/run_monitor.hpp"
#include "observe/time_machine.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace steward::control_api {

/// What the API tells of the program itself.
struct program_facts {
  std::string name;
  std::string socket;  ///< empty when there is none
  int pid = 0;
  unsigned uid = 0;     ///< whose runs it serves; root's requests are taken as well
  bool record = false;  ///< of a run whose program is not there any more
  std::string plan{};   ///< of such a run, as JSON; empty when it is not kept
};

/// Answers requests: what a run is, and what is to be done to it. Knows nothing of sockets; thread-safe once it has its
/// access. What it is given must outlive it.
class router {
public:
  router(run_monitor& monitor, operations_slot& operations, program_facts facts);

  /// Before the first request that is not local; until then none of those is let in.
  void set_access(loopback_access access) { access_ = std::move(access); }

  http_answer answer(const http_request& request);
  /// Lays out in time what has come, as the first question for a moment would.
  void lay_out() {
    past_.look([](const run_timeline&) {});
  }

private:
  http_answer answer_checked(const http_request& request);
  void refuse_strangers(const http_request& request) const;
  http_answer get(const http_request& request, const std::string& path);
  http_answer post(const http_request& request, const std::string& path);

  http_answer run();
  http_answer view(const http_request& request);
  http_answer tree(const http_request& request);
  http_answer timeline(const http_request& request);
  http_answer plan();
  http_answer account(const std::string& id);
  http_answer child(const std::string& path, bool as_pool);
  http_answer crashes(const http_request& request);
  http_answer crash(const std::string& id);
  http_answer events(const http_request& request);
  http_answer samples(const http_request& request);
  http_answer metrics(const http_request& request);
  http_answer operate(const http_request& request, std::string_view rest);
  http_answer resize(const http_request& request, std::string_view rest);
  http_answer reload(const http_request& request);
  http_answer shutdown(const http_request& request);

  /// Carries something out on a thread of its own, and tells of it.
  http_answer errand(const http_request& request, std::string path,
                     std::function<control_outcome(operations&, const std::string& by)> f);
  /// Answers on a thread of its own.
  http_answer slow_answer(std::function<http_response()> f);
  http_response response_of(const control_outcome& what, const std::string& path);
  http_problem no_such_child(const std::string& path);
  http_problem no_such_crash(const std::string& id);
  bool is_child(const std::string& path);
  /// As it was at the moment that `at` names. Takes its time.
  run_view view_at(const std::string& at);
  /// What every answer has.
  http_response finished(http_response out) const;

  run_monitor& monitor_;
  time_machine past_;
  operations_slot& operations_;
  program_facts facts_;
  std::optional<loopback_access> access_;
  rendered_lines lines_;
};

}  // namespace steward::control_api
