#include "process/account_of_death.hpp"

#include <csignal>
#include <utility>

namespace steward::process {

cause account_of_death(const exit_report& report, const flight_recorder& recorder, bool lingered) {
  auto why = cause_of(report);
  if (report.signaled || report.is_lost()) {
    const bool ended_by_us = lingered && report.signal == SIGKILL && report.sent_signal == SIGKILL;
    auto words = recorder.last_words();
    if (ended_by_us && !words) {
      why = cause{};
      why.cls = cause_class::protocol;
      why.message = "it closed its channel and went on";
      return why;
    }
    if (words) {
      // When the kernel's account is lost, or says only that we lost patience, this one is all there is.
      const bool alone = report.is_lost() || ended_by_us;
      if (alone || words->cls == cause_class::exception || words->signal == report.signal) {
        if (!alone) words->signal = report.signal;
        if (words->message.empty()) words->message = why.message;
        why = std::move(*words);
      }
    }
    if (why.cls == cause_class::signal && report.signal == SIGKILL && report.sent_signal != SIGKILL &&
        why.message.empty())
      why.message = report.oom_counted ? "not sent by us" : "not sent by us; possibly out of memory";
  }
  why.rss_peak_kib = report.rss_peak_kib;
  why.cpu_ms = report.cpu_ms;
  return why;
}

}  // namespace steward::process
