#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "tests/fuzz/targets.hpp"

// The corpus of the fuzzers for those who have no fuzzer: each file, each of its beginnings, and each with some bytes
// changed. A fault ends the program.
namespace steward::test {
namespace {

namespace fs = std::filesystem;
using target = void (*)(const std::uint8_t*, std::size_t);

std::vector<std::uint8_t> read_file(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

void replay(const char* corpus, target run) {
  std::size_t files = 0;
  std::mt19937 random{1};
  for (const auto& entry : fs::directory_iterator{fs::path{STEWARD_FUZZ_CORPUS} / corpus}) {
    auto bytes = read_file(entry.path());
    run(bytes.data(), bytes.size());
    for (std::size_t i = 0; i < 200 && !bytes.empty(); ++i) run(bytes.data(), random() % bytes.size());
    for (std::size_t i = 0; i < 500 && !bytes.empty(); ++i) {
      auto changed = bytes;
      for (std::size_t n = 0; n <= i % 4; ++n) changed[random() % changed.size()] = static_cast<std::uint8_t>(random());
      run(changed.data(), changed.size());
    }
    ++files;
  }
  EXPECT_GE(files, 5U) << "where is the corpus?";
  run(nullptr, 0);
}

TEST(fuzz_corpus, of_frames_is_read_without_a_fault) { replay("frames", fuzz_frames); }
TEST(fuzz_corpus, of_flight_pages_is_read_without_a_fault) { replay("flight_page", fuzz_flight_page); }
#ifdef STEWARD_FUZZ_LINK
TEST(fuzz_corpus, of_links_is_read_without_a_fault) { replay("link", fuzz_link); }
#endif

}  // namespace
}  // namespace steward::test
