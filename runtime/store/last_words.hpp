#pragma once

#include "steward/event.hpp"
#include "store/database.hpp"

#include <cstdint>
#include <string>
#include <vector>

// A program that dies of a signal tells of it in a copy of itself, which cannot use the database of the program: what
// it tells lies beside that, as lines of an events file, until the next run takes it in.
namespace steward::store {

/// What lies in the directory; nothing when there is none. A line that is broken ends it.
std::vector<event> read_last_words(const std::string& directory);

/// Of `words`, those of the run that the database does not have. Where the numbers of some were given to other events
/// meanwhile, since other threads of the program went on, they get the next ones.
std::vector<event> missing_words(database& in, std::uint64_t run, const std::string& id, std::vector<event> words);

}  // namespace steward::store
