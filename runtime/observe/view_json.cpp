#include "observe/view_json.hpp"

#include "observe/json_reader.hpp"
#include "observe/json_writer.hpp"

#include <utility>

namespace steward {
namespace {

template <class T>
std::string text_of(const T& x) {
  std::string out;
  json_writer::put(out, x);
  return out;
}

/// An object whose first key is a name that is none of its own fields.
template <class T>
void put_named(std::string& out, const char* key, const std::string& name, const T& x) {
  json_writer object{out};
  object.needed(key, name);
  json_fields::fields(object, x);
  object.end();
}

template <class T>
std::string named(const char* key, const std::string& name, const T& x) {
  std::string out;
  put_named(out, key, name, x);
  return out;
}

template <class T>
std::pair<std::string, T> named_of(const char* key, json_reader::json from, const char* what) {
  std::pair<std::string, T> out;
  json_reader in{from, what};
  in.needed(key, out.first);
  json_fields::fields(in, out.second);
  return out;
}

/// `,"key":[...]` of what `put_one` appends for each.
template <class Range, class F>
void put_list(std::string& out, const char* key, const Range& from, F&& put_one) {
  if (out.back() != '{') out += ',';
  out += std::string{"\""} + key + "\":[";
  for (const auto& x : from) {
    if (out.back() != '[') out += ',';
    put_one(x);
  }
  out += ']';
}

/// What a text of JSON is, for as long as the parser lives.
json_reader::json parsed(simdjson::dom::parser& with, std::string_view text) {
  json_reader::json out;
  if (with.parse(text.data(), text.size()).get(out) != simdjson::SUCCESS) throw bad_json("it is no JSON");
  return out;
}

}  // namespace

std::string json_of(const sample& x) { return text_of(x); }
std::string json_of(const pool_view& x) { return text_of(x); }
std::string json_of(const budget_view& x) { return text_of(x); }
std::string json_of(const std::string& path, const child_view& x) { return named("path", path, x); }
std::string json_of(const crash_view& x) { return text_of(x); }
std::string json_of(const std::string& fingerprint, const alike_view& x) {
  return named("fingerprint", fingerprint, x);
}

std::string json_of_run(const run_view& x) {
  std::string out;
  json_writer object{out};
  json_fields::run_fields(object, x);
  object.end();
  return out;
}

std::string json_of(const run_view& x) {
  std::string out;
  json_writer object{out};
  json_fields::run_fields(object, x);
  put_list(out, "children", x.children, [&](const auto& one) { put_named(out, "path", one.first, one.second); });
  put_list(out, "crashes", x.crashes, [&](const crash_view& one) { json_writer::put(out, one); });
  put_list(out, "alike", x.alike, [&](const auto& one) { put_named(out, "fingerprint", one.first, one.second); });
  object.end();
  return out;
}

run_view view_of(std::string_view json) {
  using element = json_reader::json;
  simdjson::dom::parser parser;
  run_view out;
  json_reader in{parsed(parser, json), "the view"};
  json_fields::run_fields(in, out);
  in.each_of("children", [&](element one) { out.children.insert(named_of<child_view>("path", one, "child")); });
  in.each_of("crashes", [&](element one) { out.crashes.push_back(json_reader::read_as<crash_view>(one, "crash")); });
  in.each_of("alike", [&](element one) { out.alike.insert(named_of<alike_view>("fingerprint", one, "alike")); });
  return out;
}

sample sample_of(std::string_view json) {
  simdjson::dom::parser parser;
  return json_reader::read_as<sample>(parsed(parser, json), "sample");
}

}  // namespace steward
