// An actor that trusts a library which it should not: it lives in a process of its own, and the library's segmentation
// fault costs that process, one request and nothing else.

#include <steward/steward.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>

namespace {

using namespace std::chrono_literals;

/// What somebody else has written.
std::string shout(const std::string& text) {
  if (text.empty()) std::raise(SIGSEGV);  // it reads what is not there
  std::string out = text;
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out + "!";
}

class shouter {
public:
  explicit shouter(const steward::actor_args& args) : incarnation_(args.incarnation()) {}

  caf::behavior make_behavior() {
    return {[this](const std::string& text) { return shout(text) + " (life " + std::to_string(incarnation_) + ")"; }};
  }

private:
  std::uint64_t incarnation_;
};

int run(steward::runtime& rt) {
  steward::supervisor root{
      rt, {.children = {steward::child::actor<shouter>("shouter", {}, {.runs_in = steward::rung::process})}}};
  if (const auto started = root.start(); !started) {
    std::fprintf(stderr, "%s did not start: %s\n", started.failed_child.c_str(), describe(started.why).c_str());
    return 1;
  }
  const auto shouter = root.actor("/root/shouter");
  steward::caller ask{rt.system()};
  int failed = 0;
  for (const std::string text : {"hello", "", "and hello again"}) {
    const auto answer = ask.request<std::string>(shouter, 10s, text);
    failed += answer ? 0 : 1;
    std::printf("'%s': %s\n", text.c_str(),
                answer ? answer.value().c_str() : steward::describe(answer.error()).c_str());
  }
  return failed == 1 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  steward::app app;
  return app.run(argc, argv, run);
}
