#include "probe.hpp"

#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>

#include <stdexcept>

namespace steward::testing_support {

probe_switches& switches() {
  static probe_switches all;
  return all;
}

probe::probe(self_ptr self, const actor_args& args)
    : self_(self), path_(args.path()), incarnation_(args.incarnation()) {
  if (switches().constructor_throws > 0) {
    --switches().constructor_throws;
    throw std::runtime_error("no constructor today");
  }
  ++switches().alive;
}

probe::~probe() {
  --switches().alive;
  switches().ends.push_back(path_);
}

caf::behavior probe::make_behavior() {
  if (switches().init_throws > 0) {
    --switches().init_throws;
    throw std::runtime_error("no init today");
  }
  if (switches().no_behavior) return {};
  if (switches().quits_in_init) self_->quit();
  return {
      [this](caf::add_atom, std::int64_t x) { return add(x); },
      [this](caf::get_atom) { return incarnation_; },
      [this](crash_atom) -> caf::result<std::int64_t> {
        ++sum_;
        if (switches().throws_an_int) throw 42;
        throw std::invalid_argument("boom");
      },
      [this](caf::delete_atom, std::int64_t how) { quit(how); },
      [this](caf::put_atom, const caf::actor& other) {
        self_->request(other, caf::infinite, caf::get_atom::value).then([this](std::uint64_t) { ++sum_; });
      },
  };
}

std::int64_t probe::add(std::int64_t x) { return sum_ += x; }

void probe::quit(std::int64_t how) {
  switch (how) {
    case 0:
      return self_->quit();
    case 1:
      return self_->quit(caf::exit_reason::user_shutdown);
    case 2:
      return self_->quit(caf::make_error(caf::sec::runtime_error, std::string{"tired"}));
    default:
      return self_->quit(caf::exit_reason::kill);
  }
}

}  // namespace steward::testing_support
