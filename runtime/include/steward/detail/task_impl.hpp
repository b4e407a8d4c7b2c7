#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

// Included by task.hpp; the definitions of its templates.
namespace steward::detail {

template <class T>
struct type_name_of {
  static std::string get() {
    if constexpr (std::is_void_v<T> || std::is_same_v<T, unit>) {
      return "void";
    } else if constexpr (std::is_same_v<T, bool>) {
      return "bool";
    } else if constexpr (std::is_integral_v<T>) {
      return (std::is_signed_v<T> ? "int" : "uint") + std::to_string(8 * sizeof(T));
    } else if constexpr (std::is_same_v<T, float>) {
      return "float";
    } else if constexpr (std::is_floating_point_v<T>) {
      return "double";
    } else if constexpr (std::is_same_v<T, std::string>) {
      return "string";
    } else {
      return "value";
    }
  }
};

template <class T>
struct type_name_of<std::vector<T>> {
  static std::string get() { return "list<" + type_name_of<T>::get() + ">"; }
};

template <class T>
struct type_name_of<std::optional<T>> {
  static std::string get() { return "optional<" + type_name_of<T>::get() + ">"; }
};

/// "int64, string"
template <class... Ts>
std::string type_names() {
  std::string out;
  ((out += (out.empty() ? "" : ", ") + type_name_of<Ts>::get()), ...);
  return out;
}

template <class A, class B>
struct type_name_of<std::pair<A, B>> {
  static std::string get() { return "pair<" + type_names<A, B>() + ">"; }
};

template <class... Ts>
struct type_name_of<std::tuple<Ts...>> {
  static std::string get() { return "tuple<" + type_names<Ts...>() + ">"; }
};

template <class T>
std::string type_name() {
  return type_name_of<std::remove_cvref_t<T>>::get();
}

/// What a task's result is stored and sent as: `unit` where it returns nothing.
template <class R>
using stored_result = std::conditional_t<std::is_void_v<R>, unit, std::remove_cvref_t<R>>;

/// "argument 2 (int64): '010' is not a plain decimal number"
std::string argument_problem(std::size_t index, const std::string& type, const std::string& problem);
/// "takes 2 arguments, not 3"
std::string arity_problem(std::size_t wanted, std::size_t given);

template <class T>
std::optional<std::string> parse_argument(std::size_t index, const std::string& text, bytes& out) {
  auto parsed = parse_text<T>(text);
  if (!parsed.value) return argument_problem(index, type_name<T>(), parsed.problem);
  codec<T>::encode(out, *parsed.value);
  return std::nullopt;
}

template <class... Ts, std::size_t... Is>
std::optional<std::string> parse_arguments(std::span<const std::string> texts, bytes& out, std::index_sequence<Is...>) {
  if (texts.size() != sizeof...(Ts)) return arity_problem(sizeof...(Ts), texts.size());
  bytes encoded;
  std::optional<std::string> problem;
  // Stops at the first fault.
  static_cast<void>(((problem = parse_argument<Ts>(Is, texts[Is], encoded), !problem) && ...));
  if (problem) return problem;
  out.insert(out.end(), encoded.begin(), encoded.end());
  return std::nullopt;
}

/// Fills what an entry knows about its arguments.
template <class Arguments>
struct argument_support;

template <class... Ts>
struct argument_support<std::tuple<Ts...>> {
  static std::string names() { return type_names<Ts...>(); }

  static void fill(task_entry& entry) {
    entry.arity = sizeof...(Ts);
    entry.parsable = (text_form<Ts>::parsable && ...);
    if constexpr ((text_form<Ts>::parsable && ...)) {
      entry.parse = [](std::span<const std::string> texts, bytes& out) {
        return parse_arguments<Ts...>(texts, out, std::index_sequence_for<Ts...>{});
      };
    } else {
      entry.parse = [](std::span<const std::string>, bytes&) -> std::optional<std::string> {
        return "has arguments that cannot be written as text";
      };
    }
    entry.render_args = [](bytes_view data) {
      const auto values = decode_all<std::tuple<Ts...>>(data);
      std::string out;
      const auto add = [&out](const std::string& part) { out += (out.empty() ? "" : ", ") + part; };
      std::apply([&](const Ts&... parts) { (add(render_text(parts)), ...); }, values);
      return out;
    };
  }
};

template <class Function>
task_entry make_entry(std::string name, Function function, source_place where) {
  using signature = task_signature<Function>;
  using arguments = typename signature::arguments;
  using stored = stored_result<typename signature::result>;
  task_entry entry;
  entry.name = std::move(name);
  entry.where = where;
  argument_support<arguments>::fill(entry);
  entry.signature = type_name<typename signature::result>() + "(" + argument_support<arguments>::names() + ")";
  entry.run = [function](const task_context& context, bytes_view data) {
    auto values = decode_all<arguments>(data);
    bytes out;
    if constexpr (std::is_void_v<typename signature::result>) {
      signature::call(function, context, values);
    } else {
      codec<stored>::encode(out, signature::call(function, context, values));
    }
    return out;
  };
  entry.args_size = encoded_size<arguments>::value;
  entry.result_size = encoded_size<stored>::value;
  entry.run_many = [function](const task_context& first, many_run& run) {
    auto context = first;
    while (run.begin()) {
      context.task_id = first.task_id + run.next - 1;
      auto values = decode_all<arguments>(run.args.next());
      if constexpr (std::is_void_v<typename signature::result>) {
        signature::call(function, context, values);
        run.keep(unit{});
      } else {
        run.template keep<stored>(signature::call(function, context, values));
      }
    }
  };
  entry.render_result = [](bytes_view data) { return render_text(decode_all<stored>(data)); };
  return entry;
}

}  // namespace steward::detail

namespace steward {

namespace detail {

/// The one place that refuses a type, so that its one error is all there is to read.
template <class T>
constexpr void must_travel() {
  static_assert(travels<T>,
                "this type cannot travel to a worker process: write STEWARD_INSPECT(type, members...) beside it and "
                "include <steward/caf_codec.hpp>, or make it trivially copyable, or specialise steward::codec for it");
}
template <class... Ts>
constexpr void all_must_travel(std::type_identity<std::tuple<Ts...>>) {
  (must_travel<Ts>(), ...);
}

}  // namespace detail

template <class R, class... Args>
auto task_registry::add(std::string name, R (*function)(Args...), source_place where) {
  using signature = detail::task_signature<R (*)(Args...)>;
  using stored = detail::stored_result<typename signature::result>;
  using handle = typename signature::handle;
  detail::all_must_travel(std::type_identity<typename signature::arguments>{});
  detail::must_travel<stored>();
  if constexpr (travels<typename signature::arguments> && travels<stored>) {
    return handle{insert(detail::make_entry(std::move(name), function, where))};
  } else {
    return handle{};
  }
}

template <class F>
requires std::is_class_v<F>
auto task_registry::add(std::string name, F function, source_place where) {
  if constexpr (requires { +function; }) {
    return add(std::move(name), +function, where);
  } else {
    static_assert(!std::is_class_v<F>,
                  "a task is a function, or a lambda that captures nothing and names the types of "
                  "its parameters: worker processes have nothing else of it");
  }
}

}  // namespace steward
