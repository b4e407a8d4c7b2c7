#include "process/debug_info.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>

#include <cstring>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

#include "process/frame_names.hpp"
#include "process/room.hpp"
#include "steward/cause.hpp"

#ifdef STEWARD_LIBBACKTRACE
// Our copy of the library, under names of its own.
#define backtrace_create_state steward_backtrace_create_state
#define backtrace_pcinfo steward_backtrace_pcinfo
#define backtrace_syminfo steward_backtrace_syminfo
#include <backtrace.h>

// What it calls to learn which files to read: this program alone. The debug information of the system's libraries,
// where it is installed, would take ten times as long.
extern "C" int steward_iterate_program(int (*f)(dl_phdr_info*, std::size_t, void*), void* data);
extern "C" int steward_iterate_program(int (*f)(dl_phdr_info*, std::size_t, void*), void* data) {
  struct call {
    int (*f)(dl_phdr_info*, std::size_t, void*);
    void* data;
  };
  call one{f, data};
  return ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t size, void* at) {
        auto* which = static_cast<call*>(at);
        which->f(info, size, which->data);
        return 1;  // the program comes first
      },
      &one);
}
#endif

namespace steward::process {
namespace {

constexpr std::size_t max_known = 4096;
constexpr std::size_t max_inlined = 16;

using frames = std::vector<source_frame>;

#ifdef STEWARD_LIBBACKTRACE

struct line {
  std::string function;
  std::string place;
};

void ignore_error(void*, const char*, int) {}

int add_line(void* to, std::uintptr_t, const char* file, int number, const char* function) {
  auto& all = *static_cast<std::vector<line>*>(to);
  if (function == nullptr || file == nullptr || all.size() >= max_inlined) return 0;
  const char* slash = std::strrchr(file, '/');
  all.push_back({short_function_name(function), fmt::format("{}:{}", slash == nullptr ? file : slash + 1, number)});
  return 0;
}

struct symbol {
  std::string name;
  std::uint64_t into = 0;
};

void set_symbol(void* to, std::uintptr_t pc, const char* name, std::uintptr_t begin, std::uintptr_t) {
  if (name != nullptr) *static_cast<symbol*>(to) = {short_function_name(name), pc - begin};
}

// On one thread at a time.
frames read_frames(std::uint64_t address) {
  static backtrace_state* const state = backtrace_create_state("/proc/self/exe", 1, ignore_error, nullptr);
  frames all;
  if (state == nullptr) return all;
  std::vector<line> lines;
  symbol around;
  backtrace_pcinfo(state, address, add_line, ignore_error, &lines);
  backtrace_syminfo(state, address, set_symbol, ignore_error, &around);
  // The debug information names functions that no other file sees without their namespace.
  if (!lines.empty() && around.name.ends_with(lines.back().function)) lines.back().function = around.name;
  for (const auto& one : lines) all.push_back({fmt::format("{} at {}", one.function, one.place)});
  if (all.empty() && !around.name.empty()) all.push_back({fmt::format("{}+0x{:x}", around.name, around.into)});
  return all;
}

// Remembers what was read, and reads on a thread of its own that ends when it is done.
class reader {
public:
  // True when there is nothing to wait for. Whoever comes while it reads waits for their turn.
  bool read(std::vector<std::uint64_t> wanted, std::function<void()> then) {
    std::lock_guard lock{mutex_};
    std::erase_if(wanted, [&](std::uint64_t address) { return known_.count(address) != 0; });
    if (wanted.empty()) return true;
    if (known_.size() > max_known && !busy_) known_.clear();
    jobs_.push_back({std::move(wanted), std::move(then)});
    if (busy_ || begin()) return false;
    jobs_.clear();
    return true;
  }

  frames known(std::uint64_t address) {
    std::lock_guard lock{mutex_};
    auto found = known_.find(address);
    return found == known_.end() ? frames{} : found->second;
  }

private:
  struct job {
    std::vector<std::uint64_t> wanted;
    std::function<void()> then;
  };

  bool begin() {
    const signals_blocked quiet;
    busy_ = true;
    try {
      std::thread{[this] { run(); }}.detach();
    } catch (const std::system_error&) {
      busy_ = false;
    }
    return busy_;
  }

  void run() {
    std::unique_lock lock{mutex_};
    while (!jobs_.empty()) {
      job next = std::move(jobs_.front());
      jobs_.pop_front();
      for (std::uint64_t address : next.wanted) {
        if (known_.count(address) != 0) continue;
        lock.unlock();
        frames all = read_frames(address);
        lock.lock();
        known_.insert_or_assign(address, std::move(all));
      }
      lock.unlock();
      next.then();
      lock.lock();
    }
    busy_ = false;
  }

  std::mutex mutex_;
  std::deque<job> jobs_;
  std::unordered_map<std::uint64_t, frames> known_;
  bool busy_ = false;
};

reader& the_reader() {
  // Never destroyed: its thread may still run at the program's end.
  static reader* const one = new reader;
  return *one;
}

#endif

void erase_all(std::string& text, std::string_view part) {
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at)) text.erase(at, part.size());
}

// "f(int, char) const" without what follows the name. Brackets within the name, as of a lambda's place, stay.
void cut_parameters(std::string& name) {
  auto end = name.rfind(')');
  if (end == std::string::npos || name.find_first_of(":>}", end) != std::string::npos) return;
  int depth = 0;
  for (auto at = end + 1; at-- > 0;) {
    if (name[at] == ')') ++depth;
    if (name[at] == '(' && --depth == 0) {
      if (at > 0) name.resize(at);
      return;
    }
  }
}

}  // namespace

std::string short_function_name(const char* symbol) {
  // Demangling takes time and memory by the length; no name that people wrote is that long.
  constexpr std::size_t max_symbol_bytes = 4096;
  std::string name = std::strlen(symbol) > max_symbol_bytes ? std::string{symbol, max_symbol_bytes} : demangle(symbol);
  erase_all(name, "(anonymous namespace)::");
  cut_parameters(name);
  if (name.size() > max_function_name_bytes) name.replace(max_function_name_bytes - 3, std::string::npos, "...");
  return name;
}

bool prepare([[maybe_unused]] std::vector<std::uint64_t> addresses, [[maybe_unused]] std::function<void()> then) {
#ifdef STEWARD_LIBBACKTRACE
  return the_reader().read(std::move(addresses), std::move(then));
#else
  return true;
#endif
}

std::vector<std::vector<source_frame>> look_up(const std::vector<std::uint64_t>& addresses) {
  std::vector<std::vector<source_frame>> all(addresses.size());
#ifdef STEWARD_LIBBACKTRACE
  auto read = std::make_shared<std::promise<void>>();
  if (!prepare(addresses, [read] { read->set_value(); })) read->get_future().wait();
  for (std::size_t i = 0; i < addresses.size(); ++i) all[i] = the_reader().known(addresses[i]);
#endif
  return all;
}

}  // namespace steward::process
