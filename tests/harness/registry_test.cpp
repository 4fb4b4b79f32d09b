#include "registry.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace breakeven {
namespace {

/// Who uses a name, and the alternative of Value that it stands for there.
class Names {
 public:
  void expect(const std::string& name, const Value& value, const std::string& user) {
    const auto [known, is_new] = first_.try_emplace(name, Use{value.index(), user});
    if (!is_new) {
      EXPECT_EQ(value.index(), known->second.type) << name << " of " << user << " and of " << known->second.user;
    }
  }

 private:
  struct Use {
    std::size_t type;
    std::string user;
  };
  std::map<std::string, Use> first_;
};

/// Columns of a study are merged by name, whatever problems it has: shards with a name of another type are left out.
TEST(Registry, ANameMeansTheSameTypeInAllProblemsAndMethods) {
  Names names;
  for (const auto& problem : registry().problems())
    for (const FieldInfo& field : problem->fields())
      names.expect(field.name, field.default_value, problem->family() + "/" + problem->name());
  for (const MethodEntry& entry : registry().methods())
    for (const FieldInfo& field : entry.type->fields())
      names.expect(field.name, field.default_value, entry.full_name());
}

}  // namespace
}  // namespace breakeven
