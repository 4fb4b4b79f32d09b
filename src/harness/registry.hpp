#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/typed.hpp"

namespace breakeven {

struct MethodEntry {
  std::string family;
  std::string problem;
  Role role;
  std::string paper;  ///< arXiv number of the source of a fast method, or ""
  std::shared_ptr<const MethodType> type;

  std::string full_name() const { return family + "/" + problem + "/" + type->name(); }
};

/// THE list of problems and methods, in the order of the report.
class Registry {
 public:
  /// Adds a method, and its problem if it is the first one. Both are class templates over the scalar.
  template <template <class> class P, template <class> class M>
  void add(Role role, std::string paper = "") {
    static_assert(Problem<P<float>> && Problem<P<double>>);
    static_assert(Method<M<float>, P<float>> && Method<M<double>, P<double>>);
    const std::string family(P<double>::family), problem(P<double>::name);
    if (find_problem(family, problem) == nullptr) problems_.push_back(std::make_shared<TypedProblem<P>>());
    methods_.push_back({family, problem, role, std::move(paper), std::make_shared<TypedMethod<P, M>>()});
  }

  const std::vector<std::shared_ptr<const ProblemType>>& problems() const { return problems_; }
  const std::vector<MethodEntry>& methods() const { return methods_; }

  const ProblemType* find_problem(const std::string& family, const std::string& name) const;
  /// Throw BadRequest with the names there are and the nearest one.
  const ProblemType& problem(const std::string& family, const std::string& name) const;
  const MethodEntry& method(const std::string& family, const std::string& problem, const std::string& name) const;
  std::vector<MethodEntry> methods_of(const std::string& family, const std::string& problem) const;

 private:
  std::vector<std::shared_ptr<const ProblemType>> problems_;
  std::vector<MethodEntry> methods_;
};

}  // namespace breakeven
