#pragma once

#include <caf/binary_deserializer.hpp>
#include <caf/deserializer.hpp>
#include <caf/error.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace steward::port {

/// Whether no message of this type may cross: what CAF itself acts on, and groups, which are made by naming them.
bool is_control_type(std::string_view name) noexcept;

/// Reads what CAF's binary serializer has written, from a peer that is not trusted: no length is believed that the
/// bytes at hand do not bear out, nesting ends before the stack does, and no control message hides in another one.
class guarded_source final : public caf::deserializer {
public:
  guarded_source(caf::execution_unit* context, std::span<const std::byte> bytes);

  std::size_t remaining() const noexcept { return in_.remaining(); }
  /// What was wrong first, if something was: CAF loses the errors of a message within a message.
  const caf::error& problem() const noexcept { return problem_; }

  caf::error begin_object(std::uint16_t& number, std::string& name) override;
  caf::error end_object() override { return caf::none; }
  caf::error begin_sequence(std::size_t& count) override;
  caf::error end_sequence() override { return caf::none; }
  caf::error apply_raw(std::size_t count, void* data) override { return noted(in_.apply_raw(count, data)); }

protected:
  caf::error apply_impl(std::int8_t& x) override { return noted(in_.apply(x)); }
  caf::error apply_impl(std::uint8_t& x) override { return noted(in_.apply(x)); }
  caf::error apply_impl(std::int16_t& x) override { return noted(in_.apply(x)); }
  caf::error apply_impl(std::uint16_t& x) override { return noted(in_.apply(x)); }
  caf::error apply_impl(std::int32_t& x) override { return noted(in_.apply(x)); }
  caf::error apply_impl(std::uint32_t& x) override { return noted(in_.apply(x)); }
  caf::error apply_impl(std::int64_t& x) override { return noted(in_.apply(x)); }
  caf::error apply_impl(std::uint64_t& x) override { return noted(in_.apply(x)); }
  caf::error apply_impl(float& x) override { return noted(in_.apply(x)); }
  caf::error apply_impl(double& x) override { return noted(in_.apply(x)); }
  caf::error apply_impl(long double& x) override;
  caf::error apply_impl(std::string& x) override;
  caf::error apply_impl(std::u16string& x) override { return read_wide<std::uint16_t>(x); }
  caf::error apply_impl(std::u32string& x) override { return read_wide<std::uint32_t>(x); }

private:
  template <class Unit, class Text>
  caf::error read_wide(Text& out);
  bool too_deep() const noexcept;
  caf::error noted(caf::error problem);
  caf::error refuse(const char* why);

  caf::binary_deserializer in_;
  const char* base_;
  std::size_t pieces_ = 0;
  caf::error problem_;
};

}  // namespace steward::port
