// Two actors of one's own that a YAML tree can name, in a program with steward's whole command line.

#include <steward/steward.hpp>

#include <cstdint>
#include <string>

namespace {

using namespace std::chrono_literals;
using steward::milliseconds;
using steward::parameter;

/// Keeps the names of those who signed. Its state is its own: no lock, since it handles one message at a time.
class guest_book {
public:
  explicit guest_book(steward::self_ptr) {}

  caf::behavior make_behavior() {
    return {
        [this](caf::put_atom, const std::string& name) { sign(name); },
        [this](steward::show_atom) { return names_; },
    };
  }

private:
  void sign(const std::string& name) { names_ += (names_.empty() ? "" : ", ") + name; }

  std::string names_;
};

/// Signs a guest book `times` times, one `every` so often, and leaves. A signature counts once the book has confirmed
/// it.
class visitor {
public:
  visitor(steward::self_ptr self, const steward::actor_args& args)
      : self_(self),
        print_(args.print()),
        book_(args.actor("book")),
        name_(args.text("name")),
        times_(args.integer("times")),
        every_(args.duration("every")) {}

  caf::behavior make_behavior() {
    // A timer, not a plain tell: it ends with this incarnation, and so no crash makes two visitors of one.
    steward::tell_after(self_, milliseconds{0}, steward::handle_of(self_), caf::tick_atom::value);
    return {[this](caf::tick_atom) { sign(); }};
  }

private:
  void sign() {
    steward::ask(self_, book_, answer_limit, caf::put_atom::value, name_)
        .then([this] { signed_once(); }, [this](caf::error& problem) { self_->quit(problem); });
  }

  void signed_once() {
    if (++done_ < times_) {
      steward::tell_after(self_, every_, steward::handle_of(self_), caf::tick_atom::value);
      return;
    }
    print_(name_ + " has signed " + std::to_string(done_) + " times");
    self_->quit();
  }

  static constexpr milliseconds answer_limit{5'000};

  steward::self_ptr self_;
  steward::actor_args::printer print_;
  caf::actor book_;  // stays valid when the book crashes and is restarted
  std::string name_;
  std::int64_t times_;
  milliseconds every_;
  std::int64_t done_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  steward::app app;
  app.actor<guest_book>("guest_book");
  app.actor<visitor>("visitor",
                     {parameter::actor("book").doc("the book to sign"), parameter::text("name").doc("who signs"),
                      parameter::integer("times").fallback(1).range(1, 1'000).doc("how often"),
                      parameter::duration("every").fallback(100ms).range(0s, 1min).doc("pause between two")});
  return app.main(argc, argv);
}
