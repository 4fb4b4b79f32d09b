#include "base/sweep.hpp"

#include <cmath>

#include "outcome.hpp"

namespace {

using namespace breakeven;

/// What a list of such a field may become: no duplicates, finite numbers, whole ones where they are counted.
void check(const std::vector<Value>& values, const FieldInfo& field) {
  if (values.empty()) fuzz::finding("a list without values");
  for (const Value& value : values) {
    if (value.index() != field.default_value.index()) fuzz::finding("a value of another type");
    if (const auto* number = std::get_if<double>(&value); number != nullptr && !std::isfinite(*number))
      fuzz::finding("a number that is not finite");
    if (const auto* count = std::get_if<Index>(&value); count != nullptr && *count < 0)
      fuzz::finding("a count below 0");
  }
}

}  // namespace

/// First byte: type of the field. Then the list.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::vector<FieldInfo> fields{{"n", "", "1", Index{1}, {}},
                                      {"scale", "", "1", 1.0, {}},
                                      {"causal", "", "", false, {}},
                                      {"data", "", "", std::string("uniform"), {"uniform", "aligned", "planted"}},
                                      {"name", "", "", std::string(), {}}};
  const FieldInfo& field = fields[data[0] % fields.size()];
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  fuzz::parse([&] { check(expand_list(text, field), field); });
  fuzz::parse([&] { parse_index(text, "n"); });
  return 0;
}
