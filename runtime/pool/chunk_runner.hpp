#pragma once

#include "process/copied.hpp"
#include "steward/detail/many_run.hpp"
#include "steward/task.hpp"

#include <cstdint>
#include <exception>

#include <cxxabi.h>

namespace steward::pooling {

/// Runs chunks of a registered task for a worker, which is a thread or a process, and has it answer what comes of each
/// item, once and in order. Belongs to the worker's thread. Worker has
///
///   std::uint64_t staged_from();                                      the item of the first result that is staged
///   void answer_items(item, count, bytes_view results, bool done);    values; nothing is staged after it
///   void answer_thrown(item, std::exception_ptr why, bool done);      the same for one that threw
///   void thread_ends();                                               by pthread_exit; what it throws is let through
///
/// `done` comes with the last answer.
template <class Worker>
class chunk_runner {
public:
  /// `run` has its marks and a stage.
  static void run_chunk(Worker& self, const task_entry& entry, const task_context& context, detail::many_run& run) {
    run.owner = &self;
    run.original = process::original_mark();
    run.copy_exit_code = process::exit_of_a_copy;
    run.overflow = &make_room;
    for (bool done = false; !done;) {
      try {
        entry.run_many(context, run);
        answer_staged(self, run, true);
        done = true;
      } catch (const abi::__forced_unwind&) {
        self.thread_ends();
        throw;
      } catch (...) {
        // This is the outermost frame of a worker: whatever a task throws is its answer.
        const auto why = std::current_exception();
        done = run.next == run.count;
        answer_staged(self, run, false);
        self.answer_thrown(run.next - 1, why, done);
      }
    }
  }

private:
  static void answer_staged(Worker& self, detail::many_run& run, bool done) {
    if (run.staged > 0 || done)
      self.answer_items(self.staged_from(), run.staged, bytes_view(run.stage, run.used), done);
    run.used = 0;
    run.staged = 0;
  }

  /// Answers what is staged, and the result that did not fit if it never will.
  static void make_room(detail::many_run& run, bytes_view one, std::size_t item_size) {
    auto& self = *static_cast<Worker*>(run.owner);
    answer_staged(self, run, false);
    const std::size_t prefix = item_size == detail::variable_size ? sizeof(std::uint32_t) : 0;
    if (prefix + one.size() <= run.stage_size) {
      run.keep_bytes(one, item_size);
      return;
    }
    bytes alone;
    detail::append_item(alone, one, item_size);
    self.answer_items(run.next - 1, 1, alone, false);
  }
};

}  // namespace steward::pooling
