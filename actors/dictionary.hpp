#pragma once

#include <steward/actor.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace steward::ready_made {

/// Text keys to 64-bit numbers, shared without a lock. Updates such as "add 1" are one message, so none is lost.
///
/// | message | answer |
/// |---|---|
/// | (add_atom, string key, int64 amount) | the new value; a missing key counts from 0; errc::bad_value on overflow |
/// | (put_atom, string key, int64 value) | nothing |
/// | (get_atom, string key) | the value, or errc::not_found |
/// | (delete_atom, string key) | true when the key was there |
/// | (get_atom) | everything, as std::map<string, int64> |
/// | (size_atom) | how many keys, as uint64 |
/// | (show_atom) | "{a: 1, b: 2}", keys in order |
/// | (crash_atom) | none: the handler throws |
class dictionary {
public:
  explicit dictionary(self_ptr) {}
  caf::behavior make_behavior();

private:
  caf::result<std::int64_t> add(const std::string& key, std::int64_t amount);
  caf::result<std::int64_t> get(const std::string& key) const;
  std::string show() const;

  std::map<std::string, std::int64_t> values_;
};

}  // namespace steward::ready_made
