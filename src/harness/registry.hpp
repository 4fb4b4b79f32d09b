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
    add<P, M>(RealScalars{}, role, std::move(paper));
  }

  /// The same for a problem whose data are packed signs: both templates are instantiated for Word alone.
  template <template <class> class P, template <class> class M>
  void add_signs(Role role, std::string paper = "") {
    add<P, M>(SignScalars{}, role, std::move(paper));
  }

  const std::vector<std::shared_ptr<const ProblemType>>& problems() const { return problems_; }
  const std::vector<MethodEntry>& methods() const { return methods_; }

  const ProblemType* find_problem(const std::string& family, const std::string& name) const;
  /// Throw BadRequest with the names there are and the nearest one.
  const ProblemType& problem(const std::string& family, const std::string& name) const;
  const MethodEntry& method(const std::string& family, const std::string& problem, const std::string& name) const;
  std::vector<MethodEntry> methods_of(const std::string& family, const std::string& problem) const;

 private:
  template <template <class> class P, template <class> class M, class First, class... Rest>
  void add(ScalarList<First, Rest...> scalars, Role role, std::string paper) {
    static_assert((Problem<P<First>> && ... && Problem<P<Rest>>));
    static_assert((Method<M<First>, P<First>> && ... && Method<M<Rest>, P<Rest>>));
    const std::string family(P<First>::family), problem(P<First>::name);
    using Scalars = decltype(scalars);
    if (find_problem(family, problem) == nullptr) problems_.push_back(std::make_shared<TypedProblem<P, Scalars>>());
    methods_.push_back({family, problem, role, std::move(paper), std::make_shared<TypedMethod<P, M, Scalars>>()});
  }

  std::vector<std::shared_ptr<const ProblemType>> problems_;
  std::vector<MethodEntry> methods_;
};

}  // namespace breakeven
