#include "config/yaml_reader.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace steward::config {
namespace {

struct read_result {
  std::optional<yaml_node> root;
  std::vector<std::string> faults;  // "line:col: message"
};

read_result read(std::string_view text) {
  fault_log log;
  const auto source = log.add_source("a.yaml", std::string{text});
  read_result result;
  result.root = read_yaml(text, source, log);
  for (const auto& one : log.sorted()) {
    result.faults.push_back(fmt::format("{}:{}: {}", one.line, one.col, one.message));
  }
  return result;
}

using faults = std::vector<std::string>;

TEST(yaml_reader, keeps_values_with_their_places_and_quotes) {
  const auto got = read("a: 1\nb:\n  - 'two'\n  - {c: ~}\n");
  ASSERT_TRUE(got.root);
  EXPECT_EQ(got.faults, faults{});
  ASSERT_EQ(got.root->entries.size(), 2U);
  EXPECT_EQ(got.root->find("a")->value.text, "1");
  EXPECT_FALSE(got.root->find("a")->value.quoted);
  EXPECT_EQ(got.root->find("a")->value.at.col, 4U);
  const auto& list = got.root->find("b")->value;
  EXPECT_EQ(list.what, yaml_node::kind::sequence);
  EXPECT_TRUE(list.items.at(0).quoted);
  EXPECT_EQ(list.items.at(0).at.line, 3U);
  EXPECT_EQ(list.items.at(0).at.col, 5U);
  EXPECT_EQ(list.items.at(1).find("c")->value.what, yaml_node::kind::null);
  EXPECT_EQ(list.items.at(1).find("c")->at.col, 6U);
  EXPECT_EQ(got.root->find("z"), nullptr);
}

TEST(yaml_reader, says_what_a_node_is) {
  const auto got = read("[a, 'b', ~, [], {}]");
  const auto& items = got.root->items;
  EXPECT_STREQ(describe(items.at(0)), "text");
  EXPECT_STREQ(describe(items.at(1)), "text in quotes");
  EXPECT_STREQ(describe(items.at(2)), "nothing");
  EXPECT_STREQ(describe(items.at(3)), "a list");
  EXPECT_STREQ(describe(items.at(4)), "a map");
}

TEST(yaml_reader, skips_a_byte_order_mark) {
  const auto got = read(
      "\xef\xbb\xbf"
      "a: 1");
  ASSERT_TRUE(got.root);
  EXPECT_EQ(got.root->find("a")->at.col, 1U);
}

TEST(yaml_reader, reads_blocks_and_windows_line_ends) {
  const auto got = read("a: |\r\n  one\r\n  two\r\nb: 2\r\n");
  ASSERT_TRUE(got.root);
  EXPECT_EQ(got.root->find("a")->value.text, "one\ntwo\n");
  EXPECT_EQ(got.root->find("b")->value.text, "2");
}

TEST(yaml_reader, has_nothing_for_a_text_without_a_document) {
  for (const auto* text : {"", "\n\n", "# only a comment\n"}) {
    const auto got = read(text);
    EXPECT_FALSE(got.root);
    EXPECT_EQ(got.faults, faults{});
  }
}

TEST(yaml_reader, reports_each_duplicate_key_with_the_place_of_the_first) {
  const auto got = read("a: 1\nb: {c: 1, c: 2}\na: 3\na: 4\n");
  ASSERT_TRUE(got.root);
  EXPECT_EQ(got.faults, (faults{"2:11: duplicate key 'c', first at line 2", "3:1: duplicate key 'a', first at line 1",
                                "4:1: duplicate key 'a', first at line 1"}));
  EXPECT_EQ(got.root->find("a")->value.text, "1");
}

TEST(yaml_reader, refuses_anchors_aliases_merge_keys_and_tags_all_at_once) {
  const auto got = read("a: &x 1\nb: *x\n<<: {c: 1}\nd: !!str 2\ne: ! 5\nf: !t [1]\ng: !u {h: 1}\n");
  ASSERT_TRUE(got.root);
  EXPECT_EQ(got.faults,
            (faults{"1:4: anchors are not supported", "2:4: aliases are not supported",
                    "3:1: merge keys are not supported", "4:4: tags are not supported", "5:4: tags are not supported",
                    "6:4: tags are not supported", "7:4: tags are not supported"}));
  EXPECT_EQ(got.root->find("b")->value.what, yaml_node::kind::invalid);
}

TEST(yaml_reader, takes_a_quoted_merge_key_as_text) { EXPECT_EQ(read("'<<': 1").faults, faults{}); }

TEST(yaml_reader, refuses_keys_that_are_not_text) {
  EXPECT_EQ(read("? [a]\n: 1\n").faults, faults{"1:3: a key cannot be a list"});
  EXPECT_EQ(read("? {a: 1}\n: 1\n").faults, faults{"1:3: a key cannot be a map"});
  EXPECT_EQ(read("~: 1\n").faults, faults{"1:1: a key cannot be nothing"});
}

TEST(yaml_reader, refuses_a_quote_that_nobody_closes) {
  EXPECT_EQ(read("a: \"open\nb: 1\n").faults, faults{"1:4: the closing quote is missing"});
  EXPECT_EQ(read("a: 'it''s\n").faults, faults{"1:4: the closing quote is missing"});
  EXPECT_EQ(read("a: \"x\\\"\n").faults, faults{"1:4: the closing quote is missing"});
  EXPECT_EQ(read("a: 'it''s'\nb: \"q\\\"\"\n").faults, faults{});
}

TEST(yaml_reader, refuses_a_second_document) {
  EXPECT_EQ(read("a: 1\n---\nb: 1\n").faults, faults{"2:1: text after the end of the document"});
  EXPECT_EQ(read("a: 1\n...\nb\n").faults, faults{"3:1: text after the end of the document"});
  EXPECT_EQ(read("- a\nb: 1\n").faults, faults{"2:1: 0 spaces of indentation fit nothing above"});
}

TEST(yaml_reader, places_syntax_errors) {
  const auto got = read("a: [1, 2\nb: 3\n");
  EXPECT_FALSE(got.root);
  EXPECT_EQ(got.faults, faults{"1:4: this '[' is never closed"});
  EXPECT_EQ(read("a: b: c\n").faults, faults{"1:5: a second ':' in the same line"});
}

TEST(yaml_reader, refuses_bytes_that_are_not_text) {
  EXPECT_EQ(read("\xff\xfe"
                 "a")
                .faults,
            faults{"1:1: the file is in UTF-16"});
  EXPECT_EQ(read("\xfe\xff"
                 "a")
                .faults,
            faults{"1:1: the file is in UTF-16"});
  EXPECT_EQ(read(std::string_view{"a: 1\nb: \0", 9}).faults, faults{"2:4: the control character 0x00 is not allowed"});
  EXPECT_EQ(read("a: \x1b[0m").faults, faults{"1:4: the control character 0x1b is not allowed"});
  EXPECT_EQ(read("a: 1\rb: 2").faults, faults{"1:5: the control character 0x0d is not allowed"});
  EXPECT_EQ(read("a: 1\nb: \xc3(").faults, faults{"2:4: the byte 0xc3 is not UTF-8"});
}

TEST(yaml_reader, refuses_documents_that_are_too_large) {
  EXPECT_EQ(read(std::string(max_document_bytes + 1, '#')).faults, faults{"1:1: the file is too large"});
  EXPECT_EQ(read(std::string(max_document_bytes, '#')).faults, faults{});
}

TEST(yaml_reader, refuses_values_nested_too_deep) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(read(nested(max_depth)).faults, faults{});
  EXPECT_EQ(read(nested(max_depth + 1)).faults, faults{"1:33: values are nested more than 32 levels deep"});
  EXPECT_EQ(read(nested(100'000)).faults, faults{"1:33: values are nested more than 32 levels deep"});
}

TEST(yaml_reader, refuses_documents_of_too_many_values) {
  std::string text;
  for (std::size_t i = 0; i < max_nodes - 1; ++i) {
    text += "- a\n";
  }
  EXPECT_EQ(read(text).faults, faults{});
  EXPECT_EQ(read(text + "- a\n").faults, faults{"10000:3: the document holds more than 10000 values"});
}

TEST(yaml_reader, refuses_values_that_are_too_long_and_reads_on) {
  EXPECT_EQ(read("a: " + std::string(max_scalar_bytes, 'x')).faults, faults{});
  const auto got = read("a: " + std::string(max_scalar_bytes + 1, 'x') + "\nb: 1\n");
  EXPECT_EQ(got.faults, faults{"1:4: a value of 65537 bytes is too long"});
  ASSERT_TRUE(got.root);
  EXPECT_EQ(got.root->find("b")->value.text, "1");
}

TEST(yaml_reader, adds_the_offset_of_a_text_in_its_source_to_the_first_line) {
  fault_log log;
  const auto source = log.add_source("--set", "path=[a, *b]");
  read_yaml("{a: 1, a: 2}", source, log, 5);
  EXPECT_EQ(log.sorted().at(0).col, 13U);
}

}  // namespace
}  // namespace steward::config
