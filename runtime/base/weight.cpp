#include "base/weight.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace steward {
namespace {

std::size_t weight_of(const std::vector<std::string>& all) noexcept {
  std::size_t out = all.size() * sizeof(std::string);
  for (const auto& one : all) out += one.size();
  return out;
}

}  // namespace

std::size_t weight_of(const event& e) noexcept {
  std::size_t out = sizeof e + e.run.size() + e.actor.size() + e.text.size();
  if (e.why)
    out += e.why->exception.size() + e.why->message.size() + weight_of(e.why->frames) + weight_of(e.why->stderr_tail);
  if (e.task) out += e.task->name.size() + e.task->args.size();
  if (e.decision) out += weight_of(e.decision->also);
  if (e.child) out += sizeof *e.child + e.child->type.size();
  if (e.scenario) out += sizeof *e.scenario + e.scenario->name.size() + e.scenario->file.size();
  if (e.stream) out += sizeof *e.stream + e.stream->size();
  if (e.by) out += sizeof *e.by + e.by->size();
  return out;
}

std::size_t weight_of(const sample& x) noexcept {
  auto out = sizeof x + x.path.size() + (x.run_times.size() + x.wait_times.size()) * sizeof(std::uint64_t);
  for (const auto& one : x.in_hand) out += sizeof one + one.task.size();
  return out;
}

}  // namespace steward
