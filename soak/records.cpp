#include "soak/records.hpp"

#include <charconv>
#include <istream>
#include <optional>

namespace steward::soak {

namespace {

// No run is larger, and no line of a history makes the reader take more memory than this many tasks do.
constexpr std::uint64_t max_tasks = 100'000'000;

/// The fields of one line. Each take says whether the field was there and of its kind.
class fields {
public:
  explicit fields(std::string_view line) : rest_(line) {}

  bool good() const noexcept { return good_; }
  bool complete() const noexcept { return good_ && over_; }

  std::string_view text() {
    if (over_) {
      good_ = false;
      return {};
    }
    const auto comma = rest_.find(',');
    const auto field = rest_.substr(0, comma);
    over_ = comma == std::string_view::npos;
    if (!over_) rest_.remove_prefix(comma + 1);
    if (field.empty()) good_ = false;
    return field;
  }

  template <class T>
  T number() {
    return parse<T>(text());
  }

  /// A number, or "-".
  template <class T>
  std::optional<T> maybe() {
    const auto field = text();
    if (field == "-") return std::nullopt;
    return parse<T>(field);
  }

  told_cause why() {
    told_cause out;
    out.cls = text();
    out.signal = number<int>();
    out.code = number<int>();
    return out;
  }

private:
  template <class T>
  T parse(std::string_view field) {
    T value{};
    const auto [end, problem] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (problem != std::errc{} || end != field.data() + field.size()) good_ = false;
    return value;
  }

  std::string_view rest_;
  bool over_ = false;
  bool good_ = true;
};

const told_cause nothing{"-", 0, 0};

/// Whether an event has what events of its kind have, and nothing else.
bool has_its_form(const event_row& e) {
  const bool of_worker = e.worker.size() > 1 && e.worker[0] == 'w' && e.incarnation > 0;
  const bool of_pool = e.worker == "soak" && e.incarnation == 0;
  const bool process = e.pid > 0;
  const bool why = e.why != nothing;
  const bool task = e.has_task && e.attempt > 0;
  const bool no_task = !e.has_task && e.attempt == 0 && e.ran_us == 0;
  const bool restarts = e.action == "restart";
  const bool undecided = e.action == "-";
  const bool recovered = e.recovery_us > 0;
  const auto fate = [&e](const char* wanted) { return e.fate == wanted; };
  const bool bare = !why && no_task && fate("-");
  if (e.kind == "start" || e.kind == "stop" || (e.kind == "ready" && !of_worker))
    return of_pool && !process && bare && undecided && !recovered;
  // What a worker is, at its first start, and how many of them the pool means to have.
  if (e.kind == "child") return (of_worker || of_pool) && !process && bare && undecided && !recovered;
  if (!of_worker) return false;
  if (e.kind == "ready") return process && bare && undecided && !recovered;
  if (e.kind == "recover") return process && bare && undecided && recovered;
  if (e.kind == "restart") return !process && bare && undecided && !recovered;
  if (e.kind == "backoff") return bare && restarts && !recovered;
  if (!why || recovered) return false;
  if (e.kind == "crash") return restarts && (task ? !fate("-") : no_task && fate("-"));
  if (!process || !task || !undecided) return false;
  if (e.kind == "task_retry") return fate("requeued");
  if (e.kind == "task_quarantine") return fate("quarantined");
  return (e.kind == "task_fail" && fate("failed")) || (e.kind == "hang" && fate("none"));
}

class reader {
public:
  explicit reader(const std::function<void(std::string)>& complain) : complain_(complain) {}

  void line(std::string_view text, std::uint64_t number) {
    number_ = number;
    fields in(text);
    const auto what = in.text();
    bool known = true;
    if (what == "S") {
      submitted(in);
    } else if (what == "O") {
      ended(in);
    } else if (what == "E") {
      happened(in);
    } else if (what == "F") {
      fault(in);
    } else if (what == "A") {
      attempt(in);
    } else if (what == "M") {
      sample(in);
    } else if (what == "H") {
      named(in, out_.parameters);
    } else if (what == "X") {
      named(in, out_.found);
    } else {
      known = false;
    }
    if (!known || !in.complete()) say("is not a line of a history: " + std::string(text.substr(0, 80)));
  }

  records take() {
    for (const auto& [number, attempts] : attempts_)
      complain_("task " + std::to_string(number) + " has attempts and no outcome that follows them");
    return std::move(out_);
  }

private:
  void say(const std::string& what) { complain_("line " + std::to_string(number_) + " " + what); }

  task_record* task(std::uint64_t number) {
    if (number >= max_tasks) {
      say("has a task with the number " + std::to_string(number));
      return nullptr;
    }
    if (number >= out_.tasks.size()) out_.tasks.resize(number + 1);
    return &out_.tasks[number];
  }

  /// Submissions, outcomes and events are written in the order in which they happened.
  void in_order(std::int64_t us) {
    if (us < last_us_) say("is of an earlier time than the one before");
    last_us_ = us;
  }

  void submitted(fields& in) {
    const auto us = in.number<std::int64_t>();
    const auto number = in.number<std::uint64_t>();
    if (!in.complete()) return;
    in_order(us);
    ++out_.submissions;
    if (auto* t = task(number)) {
      t->submitted_us = us;
      ++t->submissions;
    }
  }

  void ended(fields& in) {
    const auto us = in.number<std::int64_t>();
    const auto number = in.number<std::uint64_t>();
    const auto kind = in.text();
    const auto value = in.maybe<std::int64_t>();
    const std::string work(in.text());
    const auto why = in.why();
    const auto attempts = in.number<std::uint32_t>();
    if (!in.complete()) return;
    in_order(us);
    auto* t = task(number);
    if (!t) return;
    t->ended_us = us;
    t->value = value.value_or(0);
    t->attempts = attempts;
    t->kind = kind.front();
    ++t->outcomes;
    auto lost = attempts_.extract(number);
    if (kind == "value") {
      if (!value || !lost.empty()) say("is a value without a value, or with lost attempts");
      if (work != "-" || why != nothing || attempts != 0) say("is a value with an error");
    } else {
      if (value) say("is an error with a value");
      out_.errors[number] = {std::string(kind), work, why, lost.empty() ? std::vector<attempt_row>{} : lost.mapped()};
    }
  }

  void attempt(fields& in) {
    const auto number = in.number<std::uint64_t>();
    attempt_row row;
    row.attempt = in.number<unsigned>();
    row.pid = in.number<int>();
    row.why = in.why();
    row.ran_us = in.number<std::int64_t>();
    if (in.complete()) attempts_[number].push_back(std::move(row));
  }

  void fault(fields& in) {
    fault_row row;
    row.us = in.number<std::int64_t>();
    const auto id = in.number<std::uint64_t>();
    row.kind = fault_of(in.text());
    row.pid = in.number<int>();
    const auto number = in.maybe<std::uint64_t>();
    row.number = number.value_or(0);
    row.attempt = in.maybe<unsigned>().value_or(0);
    if (!in.complete()) return;
    if (id != out_.faults.size()) say("breaks the sequence of faults");
    if (row.kind == fault_kind::none) say("is a fault of no known kind");
    if (by_task(row.kind) != (row.attempt > 0) || by_task(row.kind) != number.has_value())
      say("is a fault that such a one cannot do");
    out_.faults.push_back(row);
  }

  void happened(fields& in) {
    event_row row;
    row.us = in.number<std::int64_t>();
    const auto seq = in.number<std::uint64_t>();
    row.kind = in.text();
    row.worker = in.text();
    row.incarnation = in.number<std::uint64_t>();
    row.pid = in.number<int>();
    row.why = in.why();
    const auto number = in.maybe<std::uint64_t>();
    row.has_task = number.has_value();
    row.number = number.value_or(0);
    row.attempt = in.maybe<unsigned>().value_or(0);
    row.fate = in.text();
    row.ran_us = in.number<std::int64_t>();
    row.action = in.text();
    row.recovery_us = in.number<std::int64_t>();
    if (!in.complete()) return;
    in_order(row.us);
    if (seq != out_.events.size() + 1) say("breaks the sequence of events");
    if (!has_its_form(row)) say("is an event that is not of the form of its kind");
    out_.events.push_back(std::move(row));
  }

  void sample(fields& in) {
    const auto index = in.number<std::uint64_t>();
    sample_row row;
    row.us = in.number<std::int64_t>();
    row.kib = in.number<std::uint64_t>();
    if (!in.complete()) return;
    if (index != out_.samples.size()) say("breaks the sequence of samples");
    out_.samples.push_back(row);
  }

  void named(fields& in, std::map<std::string, std::uint64_t>& to) {
    std::string name(in.text());
    const auto value = in.number<std::uint64_t>();
    if (!in.complete()) return;
    if (!to.emplace(name, value).second) say("tells " + name + " again");
  }

  const std::function<void(std::string)>& complain_;
  records out_;
  std::map<std::uint64_t, std::vector<attempt_row>> attempts_;  // of the outcome that is to follow
  std::uint64_t number_ = 0;
  std::int64_t last_us_ = 0;
};

}  // namespace

std::string describe(const told_cause& x) {
  std::string out = x.cls;
  if (x.signal != 0) out += " " + std::to_string(x.signal);
  if (x.cls == "exit") out += " " + std::to_string(x.code);
  return out;
}

records read_records(std::istream& in, const std::function<void(std::string)>& complain) {
  reader r(complain);
  std::string line;
  for (std::uint64_t number = 1; std::getline(in, line); ++number) r.line(line, number);
  return r.take();
}

}  // namespace steward::soak
