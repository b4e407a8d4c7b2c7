#include "base/placed_actor.hpp"

#include <fmt/format.h>

namespace steward {

std::vector<spec_fault> placed_faults(const param_map& given, const std::vector<param_spec>& declared,
                                      const std::vector<std::string>& unannounced) {
  std::vector<spec_fault> out;
  for (const auto& one : declared)
    if (one.type == param_type::pool && given.contains(one.name))
      out.push_back({{},
                     "with." + one.name,
                     "a pool is not within reach of another process",
                     "an actor on a thread, which asks the pool for it"});
  for (const auto& type : unannounced)
    out.push_back(
        {{},
         "actor",
         fmt::format("its messages have the type {}, which is not announced and so cannot leave a process", type),
         fmt::format("app.message_type<{}>(\"NAME\") in the program, or the actor on a thread", type)});
  return out;
}

}  // namespace steward
