#include "throwers.hpp"

#include <stdexcept>

namespace steward::test {

int price_of(const std::string& name) {
  if (name == "seven") throw 7;
  if (name != "apple") throw std::out_of_range("no price of " + name);
  return 3;
}

// Not a tail call.
int total_of(const std::string& name) { return price_of(name) + 1; }

void write_note() { throw std::runtime_error("the disk is full"); }

int total_with_notes(const std::string& name) {
  struct noting {
    ~noting() {
      try {
        write_note();
      } catch (const std::runtime_error&) {
      }
    }
  } note;
  return total_of(name) + 1;
}

}  // namespace steward::test
