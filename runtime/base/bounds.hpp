#pragma once

#include <cstddef>
#include <cstdint>

namespace steward {

/// What a number may be, both ends included.
template <class T>
struct bound {
  T min;
  T max;
  bool or_zero = false;  ///< 0 is allowed, too, and means "none" or "by itself"
};

/// The bounds of what people write in a spec, in YAML and in C++: each stands here and nowhere else. Times are not
/// here: YAML has bounds for them that catch slips of a unit, C++ takes what its clock can hold.
namespace bounds {

inline constexpr std::uint64_t mib = 1ULL << 20U;

inline constexpr bound<std::size_t> id_bytes{1, 64};
inline constexpr bound<unsigned> initial{0, 1'000'000};
inline constexpr bound<unsigned> partitions{1, 1'024, true};
inline constexpr bound<unsigned> max_children{1, 10'000'000, true};
inline constexpr bound<unsigned> start_retries{0, 10'000};
inline constexpr bound<unsigned> redeliver{0, 100};
inline constexpr bound<unsigned> mailbox{1, 0xffff'ffffU};
inline constexpr bound<unsigned> workers{1, 1'024, true};
inline constexpr bound<unsigned> least_workers{0, 1'024};
inline constexpr bound<unsigned> spares{1, 64, true};
inline constexpr bound<unsigned> attempts{1, 100};
inline constexpr bound<unsigned> queue{1, 10'000'000};
inline constexpr bound<unsigned> chunk{1, 65'536, true};
inline constexpr bound<unsigned> recycle_after{1, 1'000'000'000, true};
inline constexpr bound<unsigned> open_files{16, 1'048'576, true};
inline constexpr bound<std::uint64_t> memory{16 * mib, mib* mib, true};
inline constexpr bound<std::uint64_t> recycle_memory{mib, mib* mib, true};
inline constexpr bound<std::size_t> variables{0, 64};
/// Of an initializer with its arguments, which travel with the request to start a worker.
inline constexpr bound<std::size_t> initializer_bytes{0, 2'048};
/// Of a command with its arguments, and of what its environment is set to.
inline constexpr bound<std::size_t> command_bytes{1, 65'536};
inline constexpr bound<std::size_t> command_variables{0, 256};
inline constexpr bound<unsigned> port{1, 65'535};
inline constexpr bound<int> exit_code{0, 255};
inline constexpr bound<int> nice{-20, 19};
inline constexpr bound<unsigned> log_lines{1, 100'000, true};
inline constexpr bound<std::size_t> log_line_bytes{64, 4'000};
inline constexpr bound<std::uint64_t> rlimit_bytes{0, mib* mib};
inline constexpr bound<std::uint64_t> rlimit_descriptors{3, 1'048'576};
inline constexpr bound<std::uint64_t> rlimit_processes{0, 4'194'304};
/// Levels of a tree, the root included. No tree that a person makes is near it; one that holds itself is beyond it.
inline constexpr bound<std::ptrdiff_t> levels{1, 64};

inline constexpr bound<double> factor{1, 100};
inline constexpr bound<double> share{0, 1};

}  // namespace bounds

}  // namespace steward
