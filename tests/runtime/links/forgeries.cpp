#include "link_tasks.hpp"
#include "process/link_frames.hpp"
#include "steward/messages.hpp"

#include <caf/atom.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <random>
#include <string>
#include <vector>

// What a task does that writes to its link by itself.
namespace steward::test {

namespace {

using process::link_header;
using process::link_kind;

std::string big_endian(std::uint64_t x, int bytes = 8) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(x >> (8 * i) & 0xFFU);
  return out;
}
std::string atom_of(caf::atom_value x) { return big_endian(static_cast<std::uint64_t>(x)); }
std::string text_of(const std::string& x) { return static_cast<char>(x.size()) + x; }

std::string message(const std::vector<std::string>& types, const std::string& values) {
  std::string out(1, static_cast<char>(types.size()));
  for (const auto& one : types) out += static_cast<char>(one.size()) + one;
  return out + values;
}
std::string frame(const link_header& header, const std::string& content) {
  std::string out(process::link_header_bytes, '\0');
  process::write_link_header(out.data(), header, content.size());
  return out + content;
}

/// All of it, however slowly it is taken; false when the other end is gone.
bool put(const std::string& bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const auto count = ::send(link_descriptor, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    at += static_cast<std::size_t>(count);
  }
  return true;
}

/// The node that the other side has greeted with.
std::string node_of_parent() {
  std::string out(process::link_header_bytes + process::link_node_bytes, '\0');
  for (std::size_t at = 0; at < out.size();) {
    const auto count = ::recv(link_descriptor, out.data() + at, out.size() - at, 0);
    if (count <= 0) return {};
    at += static_cast<std::size_t>(count);
  }
  return out.substr(process::link_header_bytes);
}

const std::string own_node = big_endian(4711, 4) + std::string(20, 'n');
std::string hello(const std::string& node = own_node, std::uint64_t version = process::link_version) {
  return frame({link_kind::hello, 0, 0, version}, node);
}
std::string handle_of(std::uint64_t number, const std::string& node) {
  return big_endian(number) + atom_of(caf::node_id::default_data::class_id) + node;
}

const std::string get = message({"@atom"}, atom_of(caf::get_atom::value));

/// Waits until the other end hangs up, or so long that it will not.
std::string await_end() {
  std::array<char, 4096> buffer;
  for (;;) {
    pollfd one{link_descriptor, POLLIN, 0};
    if (::poll(&one, 1, 15'000) <= 0) return "it was let go on";
    if (::recv(link_descriptor, buffer.data(), buffer.size(), 0) <= 0) break;
  }
  ::pause();  // for the end that is due
  return {};
}

std::string nested(std::size_t levels) {
  // u16 0, the name of a message with one message in it, and so on
  const std::string level = std::string(2, '\0') + text_of("@<>+@message");
  std::string values;
  for (std::size_t i = 0; i < levels; ++i) values += level;
  return message({"@message"}, values + std::string(2, '\0') + text_of("@<>"));
}
std::string nested_lists(std::size_t levels) {
  std::string values;
  for (std::size_t i = 0; i < levels; ++i) values += std::string("\x07\x01", 2);  // a list of one
  return message({"@config_value"}, values + std::string("\x07\x00", 2));
}

std::string asked(const std::string& content, std::uint64_t target = 0) {
  return hello() + frame({link_kind::ask, target, 1, 1}, content);
}
std::string told(const std::string& content, std::uint64_t target = 0) {
  return hello() + frame({link_kind::tell, target, 0, 0}, content);
}
std::string exit_content(const char* type) {
  return message({type}, big_endian(0) + big_endian(0) + std::string(1, '\3') + atom_of(caf::atom_value{}) +
                             std::string(2, '\0') + text_of("@<>"));
}

std::map<std::string, std::string> make_forgeries() {
  auto header = [](std::uint32_t size, char kind, std::uint64_t target, std::uint64_t sender, std::uint64_t number) {
    std::string out(process::link_header_bytes, '\0');
    process::write_link_header(out.data(), {link_kind{}, target, sender, number}, size);
    out[4] = kind;
    return out;
  };
  const auto find = message({"@atom", "@str"}, atom_of(caf::get_atom::value) + text_of("open"));
  std::string zeroes = header(24, 1, 0, 0, 1);
  zeroes[5] = 1;
  std::string garbage;
  std::mt19937 random{7};
  for (int i = 0; i < 5000; ++i) garbage += static_cast<char>(random());
  return {
      {"baspless", std::string(32, '\0')},
      {"garbage", garbage},
      {"header", zeroes + own_node},
      {"no_hello", frame({link_kind::ask, 0, 1, 1}, find)},
      {"two_hellos", hello() + hello()},
      {"version", hello(own_node, 2)},
      {"nobody", hello(std::string(24, '\0'))},
      {"kind_0", hello() + header(1, 0, 0, 0, 0)},
      {"kind_9", hello() + header(1, 9, 0, 0, 0)},
      {"kind_255", hello() + header(1, '\xFF', 0, 0, 0)},
      {"four_gib", hello() + header(0xFFFFFFFFU, 2, 0, 0, 0)},
      {"too_large", hello() + header(process::max_link_bytes + 1, 2, 0, 0, 0)},
      {"ask_nobody", hello() + frame({link_kind::ask, 0, 0, 1}, find)},
      {"ask_0", hello() + frame({link_kind::ask, 0, 1, 0}, find)},
      {"ask_huge", hello() + frame({link_kind::ask, 0, 1, ~std::uint64_t{0}}, find)},
      {"answer", hello() + frame({link_kind::answer, 0, 0, 1}, get)},
      {"answer_for", hello() + frame({link_kind::answer, 3, 0, 1}, get)},
      {"deliver", hello() + frame({link_kind::deliver, 1, 0, 0}, get)},
      {"deliver_ask", hello() + frame({link_kind::deliver_ask, 1, 1, 1}, get)},
      {"settled", hello() + frame({link_kind::settled, 0, 0, 0}, "")},
      {"word", hello() + frame({link_kind::word, 0, 0, 0}, get)},
      {"guest", hello() + frame({link_kind::guest, 7, 0, 0}, "")},
      {"kind_14", hello() + header(1, 14, 0, 0, 0)},
      {"release", hello() + frame({link_kind::release, 12, 0, 1}, "")},
      {"watch", hello() + frame({link_kind::watch, 12, 0, 0}, "")},
      {"exit_frame", hello() + frame({link_kind::exit, 1, 0, 0}, exit_content("@error"))},
      {"exit_content", told(exit_content("@exit"))},
      {"down_content", told(exit_content("@down"))},
      {"error_content", told(message({"@error"}, std::string(1, '\3') + atom_of(caf::atom_value{}) +
                                                     std::string(2, '\0') + text_of("@<>")))},
      {"timeout_content", told(message({"@timeout"}, big_endian(0) + big_endian(0)))},
      {"group_content", told(message({"@group"}, text_of("local") + text_of("x")))},
      {"stream_content", told(message({"@open_stream_msg"}, ""))},
      {"sys", asked(message({"@atom", "@atom", "@str"},
                            atom_of(caf::sys_atom::value) + atom_of(caf::get_atom::value) + text_of("info")))},
      {"hidden_exit", told(message({"@message"}, std::string(2, '\0') + text_of("@<>+@exit")))},
      {"unknown_type", told(message({"no such type"}, ""))},
      {"no_names", told("\xFF")},
      {"cut_name", told("\x01\x40@at")},
      {"cut_value", told(message({"@u64"}, "123"))},
      {"goes_on", told(get + "x")},
      {"long_text", told(message({"@str"},
                                 "\xFF\xFF\xFF\xFF\x0F"
                                 "abc"))},
      {"long_list", told(message({"@strvec"},
                                 "\xFF\xFF\xFF\xFF\x0F"
                                 "abc"))},
      {"long_bytes", told(message({"@charbuf"},
                                  "\xFF\xFF\xFF\xFF\x0F"
                                  "abc"))},
      {"endless_length", told(message({"@str"}, std::string(100, '\xFF')))},
      {"bad_variant", told(message({"@config_value"}, "\x63"))},
      {"deep", told(nested(200'000))},
      {"deep_lists", told(nested_lists(400'000))},
      {"foreign_handle", told(message({"@actor"}, handle_of(1, std::string(24, 'f'))))},
      {"handle_0", told(message({"@actor"}, handle_of(0, own_node)))},
  };
}

/// Writes one of them, and waits for what comes of it.
std::string forge(const task_context&, const std::string& name) {
  static const auto all = make_forgeries();
  put(all.at(name));
  return await_end();
}

std::string forge_with_node(const task_context&, const std::string& line) {
  const auto parent = node_of_parent();
  const auto number = std::stoull(line.substr(line.find(' ')));
  const auto kind = line.substr(0, line.find(' '));
  if (kind == "greet_as_parent") put(hello(parent));
  if (kind == "handle") put(told(message({"@actor"}, handle_of(number, parent))));
  if (kind == "hidden_handle")
    put(told(message({"@message"}, std::string(2, '\0') + text_of("@<>+@actor") + handle_of(number, parent))));
  if (kind == "tell") put(told(message({"@atom", "@i64"}, atom_of(caf::add_atom::value) + big_endian(1)), number));
  if (kind == "ask") put(asked(get, number));
  return await_end();
}

/// Greets, finds the actor that it may reach, and gives it back more often than it came.
std::string replay(const task_context&, const std::string&) {
  const auto find = message({"@atom", "@str"}, atom_of(caf::get_atom::value) + text_of("open"));
  put(asked(find));
  node_of_parent();
  std::string answer(process::link_header_bytes, '\0');
  for (std::size_t at = 0; at < answer.size();) {
    const auto count = ::recv(link_descriptor, answer.data() + at, answer.size() - at, 0);
    if (count <= 0) return "no answer";
    at += static_cast<std::size_t>(count);
  }
  std::uint32_t size = 0;
  std::memcpy(&size, answer.data(), sizeof size);
  std::string content(size, '\0');
  if (::recv(link_descriptor, content.data(), size, MSG_WAITALL) != static_cast<ssize_t>(size)) return "half an answer";
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) number = number << 8U | static_cast<unsigned char>(content[8 + i]);
  put(frame({link_kind::tell, number, 0, 0},
            message({"@atom", "@i64"}, atom_of(caf::add_atom::value) + big_endian(100))));
  for (int i = 0; i < 2; ++i) put(frame({link_kind::release, number, 0, 1}, ""));
  return await_end();
}

/// Asks and asks for this many milliseconds, and reads nothing.
std::string flood(const task_context&, const std::string& ms) {
  const auto find = message({"@atom", "@str"}, atom_of(caf::get_atom::value) + text_of("open"));
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(std::stoll(ms));
  std::string bytes = hello();
  for (std::uint64_t number = 1; std::chrono::steady_clock::now() < until;) {
    for (int i = 0; i < 1000; ++i, ++number) bytes += frame({link_kind::ask, 0, number, number}, find);
    for (std::size_t at = 0; at < bytes.size() && std::chrono::steady_clock::now() < until;) {
      const auto count = ::send(link_descriptor, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count < 0 && errno != EAGAIN) return "hung up";
      if (count > 0) at += static_cast<std::size_t>(count);
      pollfd one{link_descriptor, POLLOUT, 0};
      if (count < 0) ::poll(&one, 1, 10);
    }
    bytes.clear();
  }
  return "done";
}

/// Announces much and writes little of it.
std::string promise_much(const task_context&, const std::string&) {
  put(hello());
  std::string header(process::link_header_bytes, '\0');
  process::write_link_header(header.data(), {link_kind::tell, 0, 0, 0}, process::max_link_bytes);
  put(header + std::string(100'000, 'x'));
  return "done";
}

}  // namespace

const std::map<std::string, command>& hostile_commands() {
  static const std::map<std::string, command> out{
      {"forge", forge},          {"forge_with_node", forge_with_node}, {"replay", replay}, {"flood", flood},
      {"promise", promise_much},
  };
  return out;
}

}  // namespace steward::test
