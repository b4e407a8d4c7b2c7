#include "control/crash_json.hpp"

#include "observe/cause_words.hpp"
#include "observe/frame_list.hpp"
#include "observe/view_json.hpp"
#include "steward/sinks.hpp"

#include <nlohmann/json.hpp>

namespace steward {

nlohmann::ordered_json account_json(const whole_crash& x) {
  using json = nlohmann::ordered_json;
  const auto list = [](const std::vector<event>& events) {
    auto out = json::array();
    for (const auto& e : events) out.push_back(json::parse(to_json_line(e)));
    return out;
  };
  json out{{"crash", json::parse(json_of(x.crash))}};
  if (x.child) out["child"] = json::parse(json_of(x.crash.path, *x.child));
  if (const auto meaning = meaning_of(x.crash.why); !meaning.empty()) out["meaning"] = meaning;
  if (const auto author = author_of(x.crash.why, x.crash.pid.value_or(0)); !author.empty()) out["author"] = author;
  if (const auto where = frame_lines(x.crash.why.frames, usual_frames, false); !where.empty()) out["where"] = where;
  out["alike"] = json::parse(json_of(x.crash.fingerprint, x.alike));
  if (x.has_history) out["alike_before"] = x.alike_before;
  out["stdout"] = x.printed;
  out["before"] = list(x.before);
  out["after"] = list(x.after);
  out["ladder"] = x.ladder;
  return out;
}

}  // namespace steward
