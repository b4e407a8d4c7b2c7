#include "supervision/guest_words.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <type_traits>
#include <utility>

namespace steward::supervision::word {

namespace {

using texts = std::vector<std::string>;

template <class T>
std::int32_t number_of(T x) {
  return static_cast<std::int32_t>(x);
}

/// A parameter as a text that its value can be read from exactly.
std::string written(const param_value& x) {
  return std::visit(
      [](const auto& v) -> std::string {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::int64_t>) {
          return "i" + std::to_string(v);
        } else if constexpr (std::is_same_v<T, bool>) {
          return v ? "b1" : "b0";
        } else if constexpr (std::is_same_v<T, std::string>) {
          return "s" + v;
        } else if constexpr (std::is_same_v<T, milliseconds>) {
          return "m" + std::to_string(v.count());
        } else {
          char out[64];
          std::snprintf(out, sizeof out, "d%a", v);
          return out;
        }
      },
      x.value);
}

std::int64_t integer_in(const std::string& text, std::size_t from = 0) {
  std::int64_t out = 0;
  std::from_chars(text.data() + from, text.data() + text.size(), out);
  return out;
}

std::optional<param_value> read(const std::string& x) {
  if (x.empty()) return std::nullopt;
  switch (x.front()) {
    case 'i':
      return param_value{integer_in(x, 1)};
    case 'b':
      return param_value{x == "b1"};
    case 's':
      return param_value{x.substr(1)};
    case 'm':
      return param_value{milliseconds{integer_in(x, 1)}};
    case 'd':
      return param_value{std::strtod(x.c_str() + 1, nullptr)};
    default:
      return std::nullopt;
  }
}

constexpr std::size_t before_frames = 6;
constexpr std::size_t most_calls = 1'024;

texts written(const cause& x) {
  texts out{std::to_string(static_cast<int>(x.cls)),
            std::to_string(x.signal),
            std::to_string(x.code),
            x.exception,
            x.message,
            x.address ? std::to_string(*x.address) : ""};
  out.insert(out.end(), x.frames.begin(), x.frames.end());
  return out;
}

std::optional<cause> cause_of_texts(const texts& x) {
  if (x.size() < before_frames) return std::nullopt;
  cause out;
  const auto cls = integer_in(x[0]);
  if (cls < 0 || cls > static_cast<int>(cause_class::protocol)) return std::nullopt;
  out.cls = static_cast<cause_class>(cls);
  out.signal = static_cast<int>(integer_in(x[1]));
  out.code = static_cast<int>(integer_in(x[2]));
  out.exception = x[3];
  out.message = x[4];
  if (!x[5].empty()) out.address = std::strtoull(x[5].c_str(), nullptr, 10);
  out.frames.assign(x.begin() + before_frames, x.end());
  return out;
}

}  // namespace

caf::message make(const birth& x) {
  texts params;
  for (const auto& [name, value] : x.params) {
    params.push_back(name);
    params.push_back(written(value));
  }
  texts names;
  std::vector<caf::actor> actors;
  for (const auto& [name, who] : x.actors) {
    names.push_back(name);
    actors.push_back(who);
  }
  return caf::make_message(number_of(order::begin), x.type, x.factory, x.path, x.incarnation, x.seed, params, names,
                           actors);
}

caf::message make(const child_end& x) {
  return caf::make_message(number_of(order::news), x.path, x.incarnation, number_of(x.how), number_of(x.next),
                           written(x.why));
}

caf::message make(order x) { return caf::make_message(number_of(x)); }
caf::message make(report what, const std::string& text) { return caf::make_message(number_of(what), text); }
caf::message make(report what, const cause& why, const std::string& text) {
  return caf::make_message(number_of(what), written(why), text);
}
caf::message make(report what, const caf::actor& who) { return caf::make_message(number_of(what), who); }
caf::message make(const ending& x) {
  texts calls{std::to_string(x.anchor)};
  for (const auto one : x.thrown_in) calls.push_back(std::to_string(one));
  return caf::make_message(number_of(report::ended), written(x.why), number_of(x.how), number_of(x.rule), x.in_hand,
                           calls);
}

std::int32_t kind_of(const caf::message& x) { return x.match_element<std::int32_t>(0) ? x.get_as<std::int32_t>(0) : 0; }

std::optional<birth> birth_in(const caf::message& x) {
  if (!x.match_elements<std::int32_t, std::string, std::int64_t, std::string, std::uint64_t, std::uint64_t, texts,
                        texts, std::vector<caf::actor>>())
    return std::nullopt;
  birth out;
  out.type = x.get_as<std::string>(1);
  out.factory = x.get_as<std::int64_t>(2);
  out.path = x.get_as<std::string>(3);
  out.incarnation = x.get_as<std::uint64_t>(4);
  out.seed = x.get_as<std::uint64_t>(5);
  const auto& params = x.get_as<texts>(6);
  for (std::size_t i = 0; i + 1 < params.size(); i += 2) {
    auto value = read(params[i + 1]);
    if (!value) return std::nullopt;
    out.params[params[i]] = std::move(*value);
  }
  const auto& names = x.get_as<texts>(7);
  const auto& actors = x.get_as<std::vector<caf::actor>>(8);
  if (names.size() != actors.size()) return std::nullopt;
  for (std::size_t i = 0; i < names.size(); ++i) out.actors[names[i]] = actors[i];
  return out;
}

std::optional<child_end> news_in(const caf::message& x) {
  if (!x.match_elements<std::int32_t, std::string, std::uint64_t, std::int32_t, std::int32_t, texts>())
    return std::nullopt;
  child_end out;
  out.path = x.get_as<std::string>(1);
  out.incarnation = x.get_as<std::uint64_t>(2);
  out.how = static_cast<end_kind>(x.get_as<std::int32_t>(3));
  out.next = static_cast<after_end>(x.get_as<std::int32_t>(4));
  auto why = cause_of_texts(x.get_as<texts>(5));
  if (!why) return std::nullopt;
  out.why = std::move(*why);
  return out;
}

std::optional<caf::actor> actor_in(const caf::message& x) {
  if (!x.match_elements<std::int32_t, caf::actor>()) return std::nullopt;
  return x.get_as<caf::actor>(1);
}

std::optional<std::string> text_in(const caf::message& x) {
  if (!x.match_elements<std::int32_t, std::string>()) return std::nullopt;
  return x.get_as<std::string>(1);
}

std::optional<caused> cause_in(const caf::message& x) {
  if (!x.match_elements<std::int32_t, texts, std::string>()) return std::nullopt;
  auto why = cause_of_texts(x.get_as<texts>(1));
  if (!why) return std::nullopt;
  return caused{std::move(*why), x.get_as<std::string>(2)};
}

std::optional<ending> ending_in(const caf::message& x) {
  if (!x.match_elements<std::int32_t, texts, std::int32_t, std::int32_t, std::string, texts>()) return std::nullopt;
  auto why = cause_of_texts(x.get_as<texts>(1));
  const auto how = x.get_as<std::int32_t>(2);
  const auto rule = x.get_as<std::int32_t>(3);
  if (!why || how < 0 || how > number_of(policy::exit_class::gave_up) || rule < 0 ||
      rule > number_of(policy::verdict::escalate))
    return std::nullopt;
  ending out{std::move(*why), static_cast<policy::exit_class>(how), static_cast<policy::verdict>(rule),
             x.get_as<std::string>(4)};
  for (const auto& one : x.get_as<texts>(5)) out.thrown_in.push_back(std::strtoull(one.c_str(), nullptr, 10));
  if (out.thrown_in.empty() || out.thrown_in.size() > most_calls) return std::nullopt;
  out.anchor = out.thrown_in.front();
  out.thrown_in.erase(out.thrown_in.begin());
  return out;
}

}  // namespace steward::supervision::word
