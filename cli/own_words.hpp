#pragma once

#include "steward/event.hpp"

#include <exception>
#include <functional>
#include <mutex>

namespace steward::cli {

/// Lets the program tell of its own death, as its workers tell of theirs.
///
/// While it lives, a fatal signal on any thread of the program (a segfault in an actor or in a task on a thread) and an
/// uncaught exception are told by a `crash` event (whose work it was, address, frames) and a `run_end`, before the
/// signal takes its course: the wait status stays true. An `exit` that nobody expects becomes exit code 70, or 5 while
/// the run starts, and is told in the same way. What is thrown where nothing catches it because something is missing
/// (`tell_failure`) ends the program with that code. One at a time, on the main thread, after the zygote is there.
/// `flush` has to bring the events out; it is given 3 s. `in_copy` is called before, where it is a copy (fork) of the
/// program that tells.
class own_words {
public:
  own_words(event_log& events, std::function<void()> flush, std::function<void()> in_copy);
  ~own_words();
  own_words(const own_words&) = delete;
  own_words& operator=(const own_words&) = delete;

private:
  std::terminate_handler terminate_before_;
};

}  // namespace steward::cli
