#pragma once

#include "observe/event_reader.hpp"
#include "steward/sinks.hpp"
#include "store/reader.hpp"
#include "tests/support/kernel_answers.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace steward::testing_support {

/// What a tree host has answered when the last event was the one with that number.
struct kernel_moment {
  std::uint64_t seq = 0;
  kernel_answers answers;
};

/// At most so many of them, and of each number one, evenly spread; the first and the last are among them.
inline std::vector<kernel_moment> spread(const std::vector<kernel_moment>& all, std::size_t most) {
  std::vector<kernel_moment> distinct;
  for (const auto& x : all) {
    if (!distinct.empty() && distinct.back().seq == x.seq) distinct.pop_back();
    distinct.push_back(x);
  }
  if (distinct.size() <= most) return distinct;
  std::vector<kernel_moment> out;
  for (std::size_t i = 0; i < most; ++i) out.push_back(std::move(distinct[i * (distinct.size() - 1) / (most - 1)]));
  return out;
}

/// Figures come from samples, which are no events.
inline run_view without_figures(run_view x) {
  x.figures.reset();
  for (auto& [path, child] : x.children) child.figures.reset();
  return x;
}

/// Folds a run as its store has it up to each of these moments, once from the nearest checkpoint and once from the
/// first event on, as lines of JSON that are read back. Where one of the two differs from what the host has answered,
/// or they differ from each other, in words; empty: nowhere. Moments are in order.
inline std::string differences_in_store(store::reader& in, const store::run_row& run,
                                        const std::vector<kernel_moment>& moments) {
  std::string out;
  run_view read;
  auto next = moments.begin();
  const auto compare = [&] {
    for (; next != moments.end() && next->seq == read.last_seq; ++next) {
      const auto where = "after event " + std::to_string(next->seq);
      if (const auto text = differences(read, next->answers); !text.empty()) out += where + ", by lines:\n" + text;
      const auto stored = without_figures(in.view_at(run, next->seq));
      if (const auto text = differences(stored, next->answers); !text.empty()) out += where + ", stored:\n" + text;
      if (!(stored == read)) out += where + ": what is folded by lines and from a checkpoint is not the same\n";
    }
  };
  std::vector<event> events;
  in.events(run, {}, [&](const event& e) {
    events.push_back(e);
    return true;
  });
  for (const auto& e : events) {
    std::string problem;
    const auto back = event_of_line(to_json_line(e), problem);
    if (!back) return out + "event " + std::to_string(e.seq) + " cannot be read back: " + problem + "\n";
    fold(read, *back);
    compare();
  }
  if (next != moments.end()) out += "there is no event " + std::to_string(next->seq) + " in the store\n";
  if (read.missing != 0) out += std::to_string(read.missing) + " events are missing in the store\n";
  return out;
}

}  // namespace steward::testing_support
