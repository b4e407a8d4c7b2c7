// A program whose tree is written in C++: one actor, which crashes once. With the word `wait` it stays until it is
// stopped; other words it prints.

#include <steward/steward.hpp>

#include <chrono>
#include <stdexcept>
#include <string>

namespace {

using namespace std::chrono_literals;

class fragile {
public:
  explicit fragile(const steward::actor_args& args) : seed_(args.seed()), print_(args.print()) {}
  caf::behavior make_behavior() {
    return {[](steward::crash_atom) { throw std::runtime_error("asked to"); },
            [this](caf::put_atom, const std::string& line) { print_(line); },
            [this](caf::get_atom) { print_("seed " + std::to_string(seed_)); }};
  }

private:
  std::uint64_t seed_;
  steward::actor_args::printer print_;
};

}  // namespace

int main(int argc, char** argv) {
  steward::app app;
  return app.run(argc, argv, [&](steward::runtime& rt) {
    steward::supervisor tree{rt, {.children = {steward::child::actor<fragile>("fragile")}}};
    if (!tree.start()) return 1;
    const auto target = tree.actor("/root/fragile");
    steward::caller ask{rt.system()};
    if (ask.request<void>(target, 20s, steward::crash_atom::value)) return 2;
    if (!ask.request<void>(target, 20s, caf::get_atom::value)) return 3;
    bool wait = false;
    for (int i = 1; i < argc; ++i) {
      const std::string word = argv[i];
      wait = wait || word == "wait";
      if (word.starts_with("word")) ask.request<void>(target, 20s, caf::put_atom::value, word).value();
    }
    if (wait) std::ignore = tree.wait_until(std::chrono::steady_clock::now() + 60s);
    return 0;
  });
}
