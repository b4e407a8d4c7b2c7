#include "actor_system/gate_codec.hpp"

#include "actor_system/guarded_source.hpp"
#include "steward/cause.hpp"

#include <caf/actor_registry.hpp>
#include <caf/detail/dynamic_message_data.hpp>
#include <caf/make_counted.hpp>
#include <caf/proxy_registry.hpp>
#include <caf/scoped_execution_unit.hpp>
#include <caf/sec.hpp>

#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <random>

namespace steward::port {

namespace {

constexpr std::size_t max_elements = 255;
constexpr std::string_view error_type = "@error";
// A handle: u64 number of the actor, u64 kind of the node, and the node; numbers in network order.
constexpr std::size_t before_node = 16;

caf::error refusal(std::string why) { return caf::make_error(caf::sec::invalid_argument, std::move(why)); }

std::uint64_t read_number(const char* at) noexcept {
  std::uint64_t out = 0;
  for (int i = 0; i < 8; ++i) out = out << 8U | static_cast<unsigned char>(at[i]);
  return out;
}
void write_number(char* at, std::uint64_t x) noexcept {
  for (int i = 7; i >= 0; --i, x >>= 8U) at[i] = static_cast<char>(x & 0xFFU);
}

/// Calls `f` with each place at which these bytes show a node, as long as it says so.
template <class Bytes, class F>
void for_each_node(Bytes* data, std::size_t size, const node_bytes& node, F f) {
  for (auto* rest = data;;) {
    auto* found = static_cast<Bytes*>(
        const_cast<void*>(::memmem(rest, size - static_cast<std::size_t>(rest - data), node.data(), node.size())));
    if (found == nullptr || !f(found)) return;
    rest = found + 1;
  }
}

/// A node that no process is: handles of this one show it while they are looked for.
caf::node_id nowhere() {
  caf::node_id::default_data::host_id_type host;
  host.fill(0xEE);
  return caf::make_node_id(1, host);
}

/// Hears of each handle of another node that CAF reads, once.
class listener final : public caf::proxy_registry::backend {
public:
  explicit listener(std::function<caf::strong_actor_ptr(const caf::node_id&, caf::actor_id)> f) : f_(std::move(f)) {}
  caf::strong_actor_ptr make_proxy(caf::node_id node, caf::actor_id number) override { return f_(node, number); }
  void set_last_hop(caf::node_id*) override {}

private:
  std::function<caf::strong_actor_ptr(const caf::node_id&, caf::actor_id)> f_;
};

/// The names at the front of a message; false when they are none. `rest` are the values.
bool read_names(std::span<const std::byte> bytes, std::vector<std::string>& names, std::span<const std::byte>& rest) {
  if (bytes.empty()) return false;
  const auto count = std::to_integer<std::size_t>(bytes[0]);
  std::size_t at = 1;
  for (std::size_t i = 0; i < count; ++i) {
    if (at >= bytes.size()) return false;
    const auto size = std::to_integer<std::size_t>(bytes[at++]);
    if (bytes.size() - at < size) return false;
    names.emplace_back(reinterpret_cast<const char*>(bytes.data()) + at, size);
    at += size;
  }
  rest = bytes.subspan(at);
  return true;
}

std::optional<std::string> read_values(guarded_source& in, const caf::uniform_type_info_map& types,
                                       const std::vector<std::string>& names, caf::message& out) {
  try {
    auto built = caf::make_counted<caf::detail::dynamic_message_data>();
    for (const auto& name : names) {
      auto value = types.make_value(name);
      if (!value) return "a message of an unknown type";
      auto problem = value->load(in);
      if (in.problem()) problem = in.problem();
      if (problem) return "a message that cannot be read: " + render(problem);
      built->append(std::move(value));
    }
    if (in.remaining() != 0) return "a message that goes on behind its end";
    out = caf::message{caf::detail::message_data::cow_ptr{std::move(built)}};
    return std::nullopt;
  } catch (const std::exception& problem) {  // what CAF, or a type of the program's own, throws at a bad value
    return std::string{"a message that cannot be read: "} + problem.what();
  }
}

/// CAF's own types without a place for a handle: a message of these alone need not be searched for one.
bool holds_no_handle(std::string_view name) noexcept {
  static constexpr std::array plain{
      std::string_view{"@str"},      std::string_view{"@atom"},     std::string_view{"@i64"},
      std::string_view{"@u64"},      std::string_view{"@i32"},      std::string_view{"@u32"},
      std::string_view{"bool"},      std::string_view{"double"},    std::string_view{"float"},
      std::string_view{"@i16"},      std::string_view{"@u16"},      std::string_view{"@i8"},
      std::string_view{"@u8"},       std::string_view{"@ldouble"},  std::string_view{"@unit"},
      std::string_view{"@strvec"},   std::string_view{"@strset"},   std::string_view{"@strmap"},
      std::string_view{"@u16_str"},  std::string_view{"@u32_str"},  std::string_view{"@charbuf"},
      std::string_view{"@duration"}, std::string_view{"@timespan"}, std::string_view{"@timestamp"},
  };
  return std::find(plain.begin(), plain.end(), name) != plain.end();
}

bool asks_the_system(const caf::type_erased_tuple& content) {
  return content.size() > 1 && content.match_element<caf::atom_value>(0) &&
         content.get_as<caf::atom_value>(0) == caf::sys_atom::value;
}

}  // namespace

void name_node(caf::actor_system& system) {
  caf::node_id::default_data::host_id_type host;
  // One call for all of it: a random_device takes 30 us and more for that many numbers.
  if (::getrandom(host.data(), host.size(), 0) != static_cast<ssize_t>(host.size())) {
    std::random_device random;
    for (auto& byte : host) byte = static_cast<std::uint8_t>(random());
  }
  // The name is a plain member that CAF shows as a constant.
  const_cast<caf::node_id&>(system.node()) = caf::make_node_id(static_cast<std::uint32_t>(::getpid()), host);
}

node_bytes to_bytes(const caf::node_id& node) {
  const auto& data = static_cast<const caf::node_id::default_data&>(*node);
  node_bytes out{};
  for (int i = 0; i < 4; ++i) out[static_cast<std::size_t>(i)] = static_cast<char>(data.process_id() >> (24 - 8 * i));
  const auto host = data.host_id();
  std::memcpy(out.data() + 4, host.data(), host.size());
  return out;
}

caf::node_id to_node(std::span<const std::byte> bytes) {
  std::uint32_t process = 0;
  for (std::size_t i = 0; i < 4; ++i) process = process << 8U | std::to_integer<std::uint32_t>(bytes[i]);
  caf::node_id::default_data::host_id_type host;
  std::memcpy(host.data(), bytes.data() + 4, host.size());
  return caf::make_node_id(process, host);
}

gate_codec::gate_codec(caf::actor_system& system) : system_(system), own_(to_bytes(system.node())) {}

caf::error gate_codec::append_names(const caf::type_erased_tuple& content, message_use use, std::vector<char>& out,
                                    bool& plain) const {
  plain = true;
  const auto& types = system_.types();
  if (content.size() > max_elements) return refusal("a message of more than 255 values cannot cross a process");
  if (asks_the_system(content)) return refusal("a control message does not cross a process");
  out.push_back(static_cast<char>(content.size()));
  for (std::size_t i = 0; i < content.size(); ++i) {
    const auto type = content.type(i);
    const auto& name = types.portable_name(type);
    if (name == types.default_type_name())
      return refusal(std::string{"a message of a type that is not announced: "} +
                     (type.second != nullptr ? demangle(type.second->name()) : "?"));
    const bool an_end = name == error_type && content.size() == 1 && use == message_use::request;
    if (is_control_type(name) || an_end) return refusal("a control message does not cross a process");
    if (name.size() > 255) return refusal("a type whose name is too long to cross a process");
    // A type of the program's own may bear any name.
    plain = plain && type.first != 0 && holds_no_handle(name);
    out.push_back(static_cast<char>(name.size()));
    out.insert(out.end(), name.begin(), name.end());
  }
  return caf::none;
}

caf::error gate_codec::encode(const caf::type_erased_tuple& content, message_use use, std::vector<char>& out,
                              std::vector<caf::actor_id>& shown) const {
  const auto at = out.size();
  bool plain = false;
  if (auto problem = append_names(content, use, out, plain)) return problem;
  caf::scoped_execution_unit unit{&system_};
  caf::binary_serializer sink{&unit, out};
  sink.seek(out.size());
  for (std::size_t i = 0; i < content.size(); ++i)
    if (auto problem = content.save(i, sink)) return problem;
  if (out.size() - at > process::max_link_bytes)
    return refusal("a message of " + std::to_string(out.size() - at) + " bytes is too large to cross a process");
  if (plain) return caf::none;
  bool shows_us = false;
  for_each_node(out.data() + at, out.size() - at, own_, [&](char*) {
    shows_us = true;
    return false;
  });
  if (shows_us) find_handles(out, at, shown);
  return caf::none;
}

/// Only its type tells a handle from bytes that look like one, so the message is read once more for it.
void gate_codec::find_handles(const std::vector<char>& bytes, std::size_t at, std::vector<caf::actor_id>& out) const {
  std::vector<char> copy(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end());
  const auto masked = nowhere();
  const auto mask = to_bytes(masked);
  for_each_node(copy.data(), copy.size(), own_, [&](char* found) {
    std::memcpy(found, mask.data(), mask.size());
    return true;
  });
  listener hears{[&](const caf::node_id& node, caf::actor_id number) -> caf::strong_actor_ptr {
    if (node == masked && std::find(out.begin(), out.end(), number) == out.end()) out.push_back(number);
    return nullptr;
  }};
  caf::proxy_registry registry{system_, hears};
  caf::scoped_execution_unit unit{&system_};
  unit.proxy_registry_ptr(&registry);
  std::vector<std::string> names;
  std::span<const std::byte> values;
  caf::message unused;
  read_names(std::as_bytes(std::span{copy}), names, values);
  guarded_source in{&unit, values};
  read_values(in, system_.types(), names, unused);
}

bool gate_codec::shows_only_given(std::span<const std::byte> bytes, handles& by) const {
  bool out = true;
  const auto* data = reinterpret_cast<const char*>(bytes.data());
  for_each_node(data, bytes.size(), own_, [&](const char* found) {
    out = static_cast<std::size_t>(found - data) >= before_node && by.given(read_number(found - before_node));
    return out;
  });
  return out;
}

std::optional<std::string> gate_codec::decode(std::span<const std::byte> bytes, message_use use,
                                              const caf::node_id& peer, handles& by, caf::message& out) const {
  std::vector<std::string> names;
  std::span<const std::byte> values;
  if (!read_names(bytes, names, values)) return "a message that is none";
  for (const auto& name : names)
    if (is_control_type(name)) return "a control message";
  if (names.size() == 1 && names.front() == error_type && use == message_use::request) return "a control message";
  // A handle of this node is looked up by CAF, which does not ask whose it is.
  // A name of CAF's own is looked for among its types first, so it stands for no other type.
  const bool plain = std::all_of(names.begin(), names.end(), holds_no_handle);
  if (!plain && !shows_only_given(values, by)) return "a handle that it was never given";
  std::optional<std::string> problem;
  listener hears{[&](const caf::node_id& node, caf::actor_id number) -> caf::strong_actor_ptr {
    if (!node && number == 0) return nullptr;
    if (node != peer || number == 0) problem = "a handle of another process";
    auto found = problem ? nullptr : by.theirs(number);
    if (!problem && !found) problem = "too many handles";
    return found;
  }};
  caf::proxy_registry registry{system_, hears};
  caf::scoped_execution_unit unit{&system_};
  unit.proxy_registry_ptr(&registry);
  guarded_source in{&unit, values};
  if (auto unreadable = read_values(in, system_.types(), names, out)) return unreadable;
  if (!problem && asks_the_system(out.content())) return "a control message";
  return problem;
}

void gate_codec::give_back(std::vector<char>& bytes, caf::actor_id ours, caf::actor_id theirs,
                           const node_bytes& peer) const {
  for_each_node(bytes.data(), bytes.size(), own_, [&](char* found) {
    if (found - bytes.data() >= static_cast<std::ptrdiff_t>(before_node) && read_number(found - before_node) == ours) {
      write_number(found - before_node, theirs);
      std::memcpy(found, peer.data(), peer.size());
    }
    return true;
  });
}

bool gate_codec::take_home(std::span<const std::byte> bytes, caf::actor_id theirs, const node_bytes& peer,
                           caf::actor_id ours, std::vector<char>& renamed) const {
  const auto* data = reinterpret_cast<const char*>(bytes.data());
  if (::memmem(data, bytes.size(), peer.data(), peer.size()) == nullptr) return false;
  renamed.assign(data, data + bytes.size());
  for_each_node(renamed.data(), renamed.size(), peer, [&](char* found) {
    const bool is_handle = found - renamed.data() >= static_cast<std::ptrdiff_t>(before_node);
    if (is_handle && read_number(found - before_node) == theirs) {
      write_number(found - before_node, ours);
      std::memcpy(found, own_.data(), own_.size());
    }
    return true;
  });
  return true;
}

}  // namespace steward::port
