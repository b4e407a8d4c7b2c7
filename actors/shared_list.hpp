#pragma once

#include <steward/actor.hpp>

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace steward::ready_made {

/// A list that anyone may change and nobody has to lock: the actor owns it and handles one message at a time.
///
/// | message | answer |
/// |---|---|
/// | (add_atom, int64) | nothing; the number is appended |
/// | (remove_atom) | the first number, taken out; errc::empty when there is none |
/// | (get_atom) | all numbers, as std::vector<int64> |
/// | (size_atom) | how many, as uint64 |
/// | (show_atom) | "[95, 12]" |
/// | (crash_atom) | none: the handler throws |
///
/// Parameters: `announce` (boolean): print each change, in the order in which the changes happened.
class shared_list {
public:
  shared_list(self_ptr self, const actor_args& args);
  caf::behavior make_behavior();

private:
  void add(std::int64_t number);
  caf::result<std::int64_t> remove();
  std::string show() const;

  std::deque<std::int64_t> numbers_;
  bool announce_;
  actor_args::printer print_;
};

}  // namespace steward::ready_made
