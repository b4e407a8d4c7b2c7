#include "observe/phrases.hpp"

#include "observe/report_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace steward::phrases {
namespace {

using std::chrono::seconds;

std::tm local(time_point x) {
  const std::time_t since_epoch = time_point::clock::to_time_t(std::chrono::floor<seconds>(x));
  std::tm out{};
  localtime_r(&since_epoch, &out);
  return out;
}

std::string date(const std::tm& x) {
  return fmt::format("{:04}-{:02}-{:02}", x.tm_year + 1900, x.tm_mon + 1, x.tm_mday);
}
std::string time(const std::tm& x) { return fmt::format("{:02}:{:02}:{:02}", x.tm_hour, x.tm_min, x.tm_sec); }

std::string period(std::chrono::milliseconds x) {
  return x.count() % 1000 == 0 ? fmt::format("{} s", x.count() / 1000) : fmt::format("{} ms", x.count());
}

}  // namespace

std::string span(duration x) {
  if (x < seconds{1}) return report::human_ms(std::max(0.0, std::chrono::duration<double, std::milli>(x).count()));
  const auto tenths = std::chrono::duration_cast<std::chrono::milliseconds>(x).count() / 100;
  if (tenths < 600) return fmt::format("{}.{} s", tenths / 10, tenths % 10);
  const auto s = tenths / 10;
  if (s < 3'600) return fmt::format("{} min {} s", s / 60, s % 60);
  if (s < 86'400) return fmt::format("{} h {} min", s / 3'600, s / 60 % 60);
  return fmt::format("{} d {} h", s / 86'400, s / 3'600 % 24);
}

std::string at(time_point x, time_point now) {
  const auto then = local(x);
  const auto day = date(then);
  return day == date(local(now)) ? time(then) : day + " " + time(then);
}

std::string date_and_time(time_point x) {
  const auto parts = local(x);
  return date(parts) + " " + time(parts);
}

std::string memory(std::uint64_t kib) {
  if (kib < 1'024) return fmt::format("{} KiB", kib);
  const double mib = static_cast<double>(kib) / 1'024.0;
  return mib < 1'024.0 ? fmt::format("{:.1f} MiB", mib) : fmt::format("{:.1f} GiB", mib / 1'024.0);
}

std::string counted(std::uint64_t n, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", n, n == 1 ? one : many);
}

std::string counted(std::uint64_t n, std::string_view one) { return counted(n, one, std::string{one} + "s"); }

std::string budget(const budget_view& x, time_point now) {
  if (!x.limit) return {};
  return fmt::format("{} of {} in {}", x.used(now), *x.limit, period(x.period));
}

charged budget_of(const run_view& view, const std::string& path, const child_view& x) {
  if (x.own.limit) return {&x.own, path};
  const auto* above = view.find(x.parent);
  return above != nullptr && above->below.limit ? charged{&above->below, x.parent} : charged{};
}

std::string kind(const child_view& x) {
  auto out = x.kind.empty() ? std::string{"child"} : x.kind;
  const auto& more = x.kind == "supervisor" ? x.strategy : x.type;
  if (!more.empty() && x.kind != "worker") out += " " + report::escaped(more);
  return out;
}

std::string waiting(const child_view& x) {
  if (!x.figures) return {};
  const auto& last = x.figures->last;
  if (last.waiting) return std::to_string(*last.waiting);
  return last.queued ? std::to_string(*last.queued) : std::string{};
}

std::string cpu(const std::optional<figures_view>& x) {
  return x && x->last.cpu_percent ? fmt::format("{:.1f} %", *x->last.cpu_percent) : std::string{};
}

std::string memory(const std::optional<figures_view>& x) {
  return x && x->last.rss_kib ? memory(*x->last.rss_kib) : std::string{};
}

time_point moment_of(const run_view& view, bool live) {
  return live && !view.ended ? std::max(view.now, time_point::clock::now()) : view.now;
}

std::string run_line(const run_view& view, bool live, time_point now) {
  auto out = view.scenario ? report::escaped(view.scenario->name) + ", " : std::string{};
  out += report::escaped(view.run);
  if (view.started) out += ", since " + date_and_time(*view.started);
  if (view.died) return out + ": the program died";
  if (view.ended) {
    out += fmt::format(": over after {}", span(*view.ended - view.started.value_or(*view.ended)));
    return view.code ? out + fmt::format(", exit code {}", *view.code) : out;
  }
  if (live) return out + (view.started ? ": up for " + span(now - *view.started) : std::string{": up"});
  return out + fmt::format(": its end is not told; the last event is {} of {}", view.last_seq, at(view.now, now));
}

}  // namespace steward::phrases
