#include "observe/view_json.hpp"

#include "observe/json_reader.hpp"
#include "observe/json_writer.hpp"

#include <utility>

namespace steward {
namespace {

using json = nlohmann::ordered_json;

/// An object whose first key is a name that is none of its own fields.
template <class T>
json named(const char* key, const std::string& name, const T& x) {
  json_writer out;
  out.always(key, name);
  json_fields::fields(out, x);
  return std::move(out).take();
}

template <class T>
std::pair<std::string, T> named_of(const char* key, const json& from, const char* what) {
  std::pair<std::string, T> out;
  json_reader in{from, what};
  in.needed(key, out.first);
  json_fields::fields(in, out.second);
  return out;
}

/// Calls `f` with each element of a list that may be left out.
template <class F>
void each_of(const json_reader& in, const char* key, F&& f) {
  const auto* list = in.find(key);
  if (list == nullptr) return;
  if (!list->is_array()) throw bad_json(std::string{"'"} + key + "' is no list");
  for (const auto& one : *list) f(one);
}

}  // namespace

json json_of(const sample& x) { return json_writer::object_of(x); }
json json_of(const pool_view& x) { return json_writer::object_of(x); }
json json_of(const budget_view& x) { return json_writer::object_of(x); }
json json_of(const std::string& path, const child_view& x) { return named("path", path, x); }
json json_of(const crash_view& x) { return json_writer::object_of(x); }
json json_of(const std::string& fingerprint, const alike_view& x) { return named("fingerprint", fingerprint, x); }

json json_of_run(const run_view& x) {
  json_writer out;
  json_fields::run_fields(out, x);
  return std::move(out).take();
}

json json_of(const run_view& x) {
  auto out = json_of_run(x);
  auto& children = out["children"] = json::array();
  for (const auto& [path, child] : x.children) children.push_back(json_of(path, child));
  auto& crashes = out["crashes"] = json::array();
  for (const auto& one : x.crashes) crashes.push_back(json_of(one));
  auto& alike = out["alike"] = json::array();
  for (const auto& [fingerprint, all] : x.alike) alike.push_back(json_of(fingerprint, all));
  return out;
}

run_view view_of(const json& x) {
  run_view out;
  json_reader in{x, "the view"};
  json_fields::run_fields(in, out);
  each_of(in, "children", [&](const json& one) { out.children.insert(named_of<child_view>("path", one, "child")); });
  each_of(in, "crashes",
          [&](const json& one) { out.crashes.push_back(json_reader::read_as<crash_view>(one, "crash")); });
  each_of(in, "alike", [&](const json& one) { out.alike.insert(named_of<alike_view>("fingerprint", one, "alike")); });
  return out;
}

sample sample_of(const json& x) { return json_reader::read_as<sample>(x, "sample"); }

}  // namespace steward
