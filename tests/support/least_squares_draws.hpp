#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "harness/typed.hpp"
#include "methods/regression/least_squares/problem.hpp"

// Least squares with many draws: data and reference made once, methods run on them again and again.
namespace breakeven::testing_support {

using regression::LeastSquaresProblem;
using regression::LeastSquaresQuality;
using regression::LeastSquaresReference;
using regression::LeastSquaresSpec;

template <class M>
struct DrawnRun {
  LeastSquaresQuality quality;
  Promise promise;
  typename M::Counts counts;
};

/// One problem on some ranks. Collective to build.
template <class T>
class DrawBench {
 public:
  DrawBench(const Communicator& comm, const LeastSquaresSpec& spec, std::uint64_t seed = 1)
      : comm_(comm),
        bookkeeping_(comm.duplicate()),
        spec_(LeastSquaresProblem<T>::normalised(spec)),
        source_(LeastSquaresProblem<T>::generate(spec_, seed)),
        problem_(spec_, *source_, Layout::contiguous(spec.n, comm.size()), comm.rank()),
        reference_(LeastSquaresProblem<T>::reference(bookkeeping_, spec_, *source_, seed)) {}

  /// Sets the method up and runs it once. Collective.
  template <template <class> class M>
  DrawnRun<M<T>> run(typename M<T>::Params params) const {
    if constexpr (HasNormalised<M<T>>) params = M<T>::normalised(params);
    M<T>::validate(spec_, params);
    M<T> method(comm_, spec_, params);
    const auto& solution = method.run(problem_);
    return {LeastSquaresProblem<T>::quality(bookkeeping_, reference_, problem_, solution), method.promise(),
            method.counts()};
  }

  /// The residual excess alone, by Pythagoras from the reference: what quality() finds, without its pass over the data.
  template <template <class> class M>
  double excess(const typename M<T>::Params& params) const {
    M<T> method(comm_, spec_, params);
    const Array<T>& x = method.run(problem_).x;
    double squares = 0;
    for (Index i = 0; i < spec_.d; ++i)
      for (Index j = 0; j < spec_.rhs; ++j) {
        double entry = 0;
        for (Index k = i; k < spec_.d; ++k)
          entry += reference_.r(0, i, k) * (static_cast<double>(x(0, k, j)) - reference_.x(0, k, j));
        squares += entry * entry;
      }
    return squares / reference_.objective;
  }

  const LeastSquaresSpec& spec() const { return spec_; }
  const LeastSquaresProblem<T>& problem() const { return problem_; }
  const LeastSquaresReference& reference() const { return reference_; }

 private:
  Communicator comm_, bookkeeping_;
  LeastSquaresSpec spec_;
  std::unique_ptr<Source<T>> source_;
  LeastSquaresProblem<T> problem_;
  LeastSquaresReference reference_;
};

/// Residual excess of `draws` independent draws, ascending. Collective.
template <template <class> class M>
std::vector<double> excesses(const DrawBench<double>& bench, typename M<double>::Params params, Index draws) {
  std::vector<double> all;
  if constexpr (HasNormalised<M<double>>) params = M<double>::normalised(params);
  for (params.draw = 1; params.draw <= draws; ++params.draw) all.push_back(bench.template run<M>(params).quality.error);
  std::sort(all.begin(), all.end());
  return all;
}

inline double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

inline LeastSquaresSpec draw_spec(Index n, Index d, const std::string& data = "gaussian", Index rhs = 1) {
  LeastSquaresSpec spec;
  spec.n = n;
  spec.d = d;
  spec.rhs = rhs;
  spec.data = data;
  return spec;
}

}  // namespace breakeven::testing_support
