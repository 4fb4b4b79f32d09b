#pragma once

#include <any>
#include <memory>
#include <utility>
#include <vector>

#include "harness/any_method.hpp"
#include "harness/scalars.hpp"

// The implementation of the interfaces in any_method.hpp for a concrete problem and method. Instantiated by
// Registry::add alone.
namespace breakeven {

template <class P>
class TypedSolution final : public AnySolution {
 public:
  explicit TypedSolution(const typename P::Solution& solution) : value(solution) {}
  typename P::Solution value;
};

template <class P>
class TypedWorkload final : public Workload {
 public:
  using Spec = typename P::Spec;
  using Scalar = typename P::Scalar;

  TypedWorkload(const Spec& spec, std::uint64_t seed, std::shared_ptr<const InputFile> file, int rank)
      : spec_(spec), seed_(seed), rank_(rank), from_file_(file != nullptr) {
    if (from_file_)
      source_ = std::make_unique<FileSource<Scalar>>(std::move(file));
    else
      source_ = P::generate(spec, seed);
  }

  void load(const Layout& layout) override {
    for (const auto& loaded : problems_)
      if (loaded->layout == layout) return;
    problems_.push_back(std::make_unique<P>(typed_spec(), *source_, layout, rank_));
  }

  std::optional<BadValue> first_bad_value() const override { return problems_.front()->first_bad_value(); }

  void observe(const Communicator& comm) override {
    if (from_file_) spec_ = P::observed(comm, typed_spec(), *problems_.front());
    for (const auto& problem : problems_) problem->spec = typed_spec();
  }

  void compute_reference(const Communicator& comm) override {
    reference_ = std::make_unique<typename P::Reference>(P::reference(comm, typed_spec(), *source_, seed_));
  }

  std::vector<std::string> warnings() const override {
    if constexpr (HasWarnings<P>)
      return P::warnings(typed_spec(), *reference_);
    else
      return {};
  }

  Precision precision() const override { return precision_of<Scalar>; }
  const std::any& spec() const override { return spec_; }
  const Spec& typed_spec() const { return std::any_cast<const Spec&>(spec_); }
  const typename P::Reference& reference() const { return *reference_; }
  int rank() const { return rank_; }

  const P& problem(const Layout& layout) const {
    for (const auto& loaded : problems_)
      if (loaded->layout == layout) return *loaded;
    throw Failure("a method asks for a layout that was not loaded");
  }

 private:
  std::any spec_;
  std::uint64_t seed_;
  int rank_;
  bool from_file_;
  std::unique_ptr<Source<Scalar>> source_;
  std::vector<std::unique_ptr<P>> problems_;  // one a distinct layout
  std::unique_ptr<typename P::Reference> reference_;
};

template <class P, class M>
Layout layout_of(const typename P::Spec& spec, const typename M::Params& params, int ranks) {
  if constexpr (HasLayout<M, P>)
    return M::layout(spec, params, ranks);
  else
    return Layout::contiguous(P::n_rows(spec), ranks);
}

template <class P, class M>
class TypedRunner final : public AnyMethod {
 public:
  using Params = typename M::Params;

  TypedRunner(const Communicator& comm, const TypedWorkload<P>& workload, const Params& params)
      : workload_(workload),
        params_(params),
        ranks_(comm.size()),
        problem_(workload.problem(layout_of<P, M>(workload.typed_spec(), params, comm.size()))),
        method_(comm, workload.typed_spec(), params) {}

  void run() override { solution_ = &method_.run(problem_); }
  Values counts() const override { return to_values(method_.counts()); }
  Promise promise() const override { return method_.promise(); }
  Schedule schedule(int rank) const override {
    return M::schedule(workload_.typed_spec(), params_, method_.counts(), ranks_, rank);
  }
  Values quality(const Communicator& comm) override {
    const typename P::Quality quality = P::quality(comm, workload_.reference(), problem_, *solution_);
    if constexpr (HasDisproof<P>) disproof_ = P::disproof(quality);
    return to_values(quality);
  }
  std::string disproof() const override { return disproof_; }
  std::unique_ptr<AnySolution> copy_solution() const override { return std::make_unique<TypedSolution<P>>(*solution_); }
  bool agrees_with(const AnySolution& other) const override {
    return P::agrees(workload_.reference(), *solution_, dynamic_cast<const TypedSolution<P>&>(other).value);
  }
  std::vector<SolutionArray> solution_arrays() const override {
    return P::solution_arrays(workload_.typed_spec(), problem_.layout, workload_.rank(), *solution_);
  }

 private:
  const TypedWorkload<P>& workload_;
  Params params_;
  int ranks_;
  const P& problem_;
  M method_;
  const typename P::Solution* solution_ = nullptr;
  std::string disproof_;
};

template <template <class> class P, class Scalars>
class TypedProblem;

/// What the scalar decides nothing about is asked of the first one.
template <template <class> class P, class First, class... Rest>
class TypedProblem<P, ScalarList<First, Rest...>> final : public ProblemType {
 public:
  using Spec = typename P<First>::Spec;
  using Scalars = ScalarList<First, Rest...>;

  std::string family() const override { return std::string(P<First>::family); }
  std::string name() const override { return std::string(P<First>::name); }
  std::vector<Precision> precisions() const override { return precisions_of(Scalars{}); }
  std::vector<FieldInfo> fields() const override { return describe<Spec>(); }
  std::any make_spec(const Assignment& assignment) const override {
    const auto spec = from_assignment<Spec>(assignment);
    if constexpr (HasNormalisedSpec<P<First>>)
      return P<First>::normalised(spec);
    else
      return spec;
  }
  void validate(const std::any& spec) const override { P<First>::validate(typed(spec)); }
  std::any from_input(const std::any& spec, const InputFile& file) const override {
    return P<First>::from_input(typed(spec), file);
  }
  Values spec_values(const std::any& spec) const override { return to_values(typed(spec)); }
  Index n_rows(const std::any& spec) const override { return P<First>::n_rows(typed(spec)); }
  Index data_bytes(Precision precision, const std::any& spec, const Layout& layout, int rank) const override {
    return with_scalar(Scalars{}, precision,
                       [&]<class T>(std::type_identity<T>) { return P<T>::data_bytes(typed(spec), layout, rank); });
  }
  std::unique_ptr<Workload> make_workload(Precision precision, const std::any& spec, std::uint64_t seed,
                                          std::shared_ptr<const InputFile> file, int rank) const override {
    return with_scalar(Scalars{}, precision, [&]<class T>(std::type_identity<T>) -> std::unique_ptr<Workload> {
      return std::make_unique<TypedWorkload<P<T>>>(typed(spec), seed, std::move(file), rank);
    });
  }

 private:
  static const Spec& typed(const std::any& spec) { return std::any_cast<const Spec&>(spec); }
};

template <template <class> class P, template <class> class M, class Scalars>
class TypedMethod;

template <template <class> class P, template <class> class M, class First, class... Rest>
class TypedMethod<P, M, ScalarList<First, Rest...>> final : public MethodType {
 public:
  using Spec = typename P<First>::Spec;
  using Params = typename M<First>::Params;
  using Scalars = ScalarList<First, Rest...>;

  std::string name() const override { return std::string(M<First>::name); }
  std::vector<FieldInfo> fields() const override { return describe<Params>(); }
  std::any make_params(const Assignment& assignment) const override {
    const auto params = from_assignment<Params>(assignment);
    if constexpr (HasNormalised<M<First>>) return M<First>::normalised(params);
    return params;
  }
  Values param_values(const std::any& params) const override { return to_values(typed(params)); }
  void validate(Precision precision, const std::any& spec, const std::any& params) const override {
    with_scalar(Scalars{}, precision,
                [&]<class T>(std::type_identity<T>) { M<T>::validate(typed_spec(spec), typed(params)); });
  }
  Layout layout(Precision precision, const std::any& spec, const std::any& params, int ranks) const override {
    return with_scalar(Scalars{}, precision, [&]<class T>(std::type_identity<T>) {
      return layout_of<P<T>, M<T>>(typed_spec(spec), typed(params), ranks);
    });
  }
  Values expected_counts(Precision precision, const std::any& spec, const std::any& params) const override {
    return with_scalar(Scalars{}, precision, [&]<class T>(std::type_identity<T>) {
      return to_values(M<T>::expected(typed_spec(spec), typed(params)));
    });
  }
  Schedule expected_schedule(Precision precision, const std::any& spec, const std::any& params, int ranks,
                             int rank) const override {
    return with_scalar(Scalars{}, precision, [&]<class T>(std::type_identity<T>) {
      const auto counts = M<T>::expected(typed_spec(spec), typed(params));
      return M<T>::schedule(typed_spec(spec), typed(params), counts, ranks, rank);
    });
  }
  std::unique_ptr<AnyMethod> set_up(const Communicator& comm, Workload& workload,
                                    const std::any& params) const override {
    return with_scalar(Scalars{}, workload.precision(),
                       [&]<class T>(std::type_identity<T>) -> std::unique_ptr<AnyMethod> {
                         return std::make_unique<TypedRunner<P<T>, M<T>>>(
                             comm, dynamic_cast<const TypedWorkload<P<T>>&>(workload), typed(params));
                       });
  }

 private:
  static const Spec& typed_spec(const std::any& spec) { return std::any_cast<const Spec&>(spec); }
  static const Params& typed(const std::any& params) { return std::any_cast<const Params&>(params); }
};

}  // namespace breakeven
