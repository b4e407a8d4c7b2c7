#include "tests/fuzz/targets.hpp"

// FUZZ_TARGET is the one of targets.hpp that this program is for.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  steward::test::FUZZ_TARGET(data, size);
  return 0;
}
