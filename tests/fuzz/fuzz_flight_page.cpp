#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "process/flight_page.hpp"
#include "steward/cause.hpp"
#include "tests/fuzz/targets.hpp"

namespace steward::test {
namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t max_frames_told = 64 + 16;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz_flight_page: %s\n", what);
  std::abort();
}

}  // namespace

void fuzz_flight_page(const std::uint8_t* data, std::size_t size) {
  static process::flight_recorder recorder = process::flight_recorder::create();
  require(recorder.valid(), "no flight page");
  process::flight_page& page = recorder.page();
  // The bytes of a page are what a worker wrote, whatever the types say.
  void* raw = &page;
  std::memset(raw, 0, page_bytes);
  if (size != 0) std::memcpy(raw, data, std::min(size, page_bytes));
  auto words = recorder.last_words();
  require(words.has_value() == (page.said.load() != 0), "words that nobody said, or none of those that were");
  if (!words) return;
  require(words->signal >= 0 && words->signal < NSIG, "a signal that does not exist");
  require(words->exception.size() <= sizeof page.exception, "a longer exception than the page holds");
  require(words->message.size() <= sizeof page.message, "a longer message than the page holds");
  require(words->frames.size() <= max_frames_told, "too many frames");
  for (const auto& one : words->frames) require(one.size() < 2048, "a frame that is too long");
  require(!describe(*words).empty(), "words that cannot be told");
}

}  // namespace steward::test
