#pragma once

#include <string>
#include <string_view>

/// Standard output and standard error of the program: the one way in which it writes to either.
///
/// No write here throws, ends the program, or waits for a reader that is not further behind than a `patient_writer`
/// keeps. Where both are the same file, such as a terminal, their texts keep their order. The writers are made at the
/// first use and live as long as the program: call `finish` before it ends. Thread-safe.
namespace steward::standard_streams {

/// Standard output is ours alone from now on: what else this program prints, by `printf` in a task on threads, say,
/// goes to standard error. Call it before the first use and before there are threads; false, and nothing is changed,
/// where both are one file, or one was used.
bool keep_output_for_us();
/// Where standard output is now.
int output_descriptor() noexcept;

/// Data, to standard output. It is whole: its reader may be far behind, then it is waited for. The first error ends it,
/// see `output_problem`.
void print(std::string_view text);
/// Whole lines for people, to standard error. What they do not read in time is lost, and errors are nobody's concern.
void say(std::string_view text);
/// The line that says how things are going, drawn anew with each call behind all that is said; an empty one removes it.
/// Only for a standard error that is a terminal.
void show_status(std::string line);

/// After a stop was asked for: whoever reads nothing for this long is not waited for any more.
void hurry(int patience_ms);
/// Waits until all is taken: what was printed without a limit, what was said for 10 s without any progress at most.
void finish();
/// The errno of the first write to standard output that failed, 0 for none.
int output_problem();

}  // namespace steward::standard_streams
