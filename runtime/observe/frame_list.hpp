#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace steward {

/// Whether a frame of a crash is of the code that people have written, as far as its name tells: not of the C and C++
/// libraries, of CAF, or of steward's own engine.
bool is_of_users(std::string_view frame);

/// The frames of a crash as lines, "#2  work at work.cpp:3 (shop+0x1)", each with its place in the stack: those of the
/// user's code first, then what they have called, at most so many in all; a recursion is one line. 0: all of them, as
/// they lie on the stack. Names that are still mangled are made readable.
/// `tells_rest`: a line says, for the command line, how many are left out.
std::vector<std::string> frame_lines(const std::vector<std::string>& frames, std::size_t most, bool tells_rest = true);

inline constexpr std::size_t usual_frames = 8;

}  // namespace steward
