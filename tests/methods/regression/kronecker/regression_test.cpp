#include <gmock/gmock.h>

#include <set>

#include "base/statistics.hpp"
#include "methods/regression/kronecker_regression/quantum.hpp"
#include "support/kronecker_runs.hpp"
#include "support/on_ranks.hpp"

// What must hold for regression on a Kronecker product.
namespace breakeven::testing_support {
namespace {

using KroneckerFit = OnRanks;
namespace kronecker = regression::kronecker_regression;
using Problem = KroneckerRegressionProblem<double>;
using Pairs = kronecker::LeveragePairsParams;
using Sketch = kronecker::ProductSketchParams;

constexpr double eps = 0x1p-52;

TEST_P(KroneckerFit, ExactEqualsLeastSquaresOnTheFormedProduct) {
  on_ranks([](const Communicator& comm) {
    for (const char* data : {"gaussian", "student_t", "correlated"}) {
      const auto spec = kronecker_spec(30, 3, data, 22, 2);
      const auto generated = KroneckerData::generated(spec, 3);
      const Array<double> whole = generated.product(), r = qr_upper(whole);
      Array<double> x(1, 6, 1);  // R'R x = A'b
      for (Index p = 0; p < 6; ++p)
        for (Index i = 0; i < whole.rows(); ++i) x(0, p, 0) += whole(0, i, p) * generated.b.data()[i];
      solve_upper_transposed(r, x);
      solve_upper(r, x);
      const auto run = run_on<Problem, kronecker::QrFactors>(comm, KroneckerMemory<double>(generated), spec, {});
      // Normal equations: eps times the square of the condition number.
      const double tolerance = 64 * eps / std::pow(reciprocal_condition(r), 2);
      for (Index p = 0; p < 6; ++p) EXPECT_NEAR(run.solution.x.data()[p], x.data()[p], tolerance) << data;
      EXPECT_LE(run.quality.error, tolerance);
      EXPECT_EQ(run.quality.entries_read, 30 * 22);  // every entry of B, once
      EXPECT_EQ(run.quality.share_read, 1);
    }
  });
}

TEST_P(KroneckerFit, ExcessIsThatOfTheResidualsTheDefinitionGives) {
  on_ranks([](const Communicator& comm) {
    const auto spec = kronecker_spec(40, 3, "student_t", 25, 2);
    const auto generated = KroneckerData::generated(spec, 3);
    const KroneckerMemory<double> source(generated);
    const auto reference = Problem::reference(comm, spec, source, 1);
    const double smallest = generated.squared_residual(reference.x);
    EXPECT_NEAR(reference.smallest_square / smallest, 1, 1e-12);
    for (const Index samples : {20, 60, 200}) {
      const auto run =
          run_on<Problem, kronecker::LeveragePairs>(comm, source, spec, drawn(&Pairs::samples, samples, 1), reference);
      const double squared = generated.squared_residual(run.solution.x);
      EXPECT_NEAR(run.quality.error, squared / smallest - 1, 1e-11 * (squared / smallest));  // the minus cancels
      EXPECT_NEAR(run.quality.residual, std::sqrt(squared / reference.b_square), 1e-12);
      EXPECT_GE(run.quality.error, 0);
    }
  });
}

TEST_P(KroneckerFit, EveryMethodFindsTheAnswerOfAConsistentSystem) {
  on_ranks([](const Communicator& comm) {
    for (const char* data : {"gaussian", "student_t", "spike", "correlated"}) {
      auto spec = kronecker_spec(50, 4, data, 35, 3);
      spec.noise = 0;
      const auto source = Problem::generate(spec, 3);
      const auto reference = Problem::reference(comm, spec, *source, 1);
      EXPECT_EQ(reference.smallest_square, 0) << data;  // told from rounding, so that `error` is relative to |B|^2
      const double tolerance = 1e4 * eps * condition(reference.r);
      const auto judge = [&](const KroneckerRun<Problem>& run, const char* method) {
        EXPECT_LE(run.quality.error, tolerance * tolerance) << data << " " << method;
        EXPECT_LE(run.quality.forward_error, tolerance) << data << " " << method;
      };
      judge(run_on<Problem, kronecker::QrFactors>(comm, *source, spec, {}, reference), "qr_factors");
      judge(run_on<Problem, kronecker::LeveragePairs>(comm, *source, spec, drawn(&Pairs::samples, 60, 1), reference),
            "leverage_pairs");
      judge(run_on<Problem, kronecker::ProductSketch>(comm, *source, spec, drawn(&Sketch::rows, 25, 1), reference),
            "product_sketch");
      judge(run_on<Problem, kronecker::Quantum>(comm, *source, spec, {}, reference), "quantum");
    }
  });
}

/// Where more rows are asked for than there are, all are kept with weight 1: the pairs are all of the product.
TEST_P(KroneckerFit, AllPairsGiveTheExactAnswer) {
  on_ranks([](const Communicator& comm) {
    const auto spec = kronecker_spec(50, 3, "student_t", 35, 2);
    const auto source = Problem::generate(spec, 3);
    const auto reference = Problem::reference(comm, spec, *source, 1);
    kronecker::QuantumParams params;
    params.tolerance = 0.01;
    const auto run = run_on<Problem, kronecker::Quantum>(comm, *source, spec, params, reference);
    EXPECT_EQ(run.quality.entries_read, 50 * 35);
    EXPECT_LE(run.quality.error, std::pow(1e4 * eps * condition(reference.r), 2));  // quadratic in the rounding
  });
}

/// Medians of nine draws.
double excess(const Communicator& comm, Index n, Index samples) {
  const auto spec = kronecker_spec(n, 4);
  const auto source = Problem::generate(spec, 3);
  const auto reference = Problem::reference(comm, spec, *source, 1);
  std::vector<double> errors;
  for (Index draw = 1; draw <= 9; ++draw)
    errors.push_back(
        run_on<Problem, kronecker::LeveragePairs>(comm, *source, spec, drawn(&Pairs::samples, samples, draw), reference)
            .quality.error);
  return median(errors);
}

TEST_P(KroneckerFit, ExcessOfPairsIsColumnsOverSamplesWhateverTheSize) {
  on_ranks([](const Communicator& comm) {
    if (comm.size() > 2) return;  // the draws are the same on every rank count
    for (const Index samples : {160, 640}) {
      // A chi square of 16 over its mean has relative deviation sqrt(2 / 16); a median of nine draws 0.4 times that:
      // 0.5 is over three of them. The median of a chi square of 16 is 0.96 of its mean.
      const double law = 16.0 / static_cast<double>(samples - 17);
      for (const Index n : {100, 200, 400}) EXPECT_NEAR(excess(comm, n, samples) / law, 1, 0.5) << n << " " << samples;
    }
  });
}

TEST_P(KroneckerFit, ProbableBoundsHoldInNineteenOfTwentyDrawsOnEveryKindOfData) {
  on_ranks([](const Communicator& comm) {
    if (comm.size() > 1) return;
    for (const char* data : {"gaussian", "student_t", "cauchy", "spike", "correlated"}) {
      const auto spec = kronecker_spec(150, 3, data);
      const auto source = Problem::generate(spec, 3);
      const auto reference = Problem::reference(comm, spec, *source, 1);
      int broken = 0;
      for (Index draw = 1; draw <= 20; ++draw) {
        const auto judge = [&](const KroneckerRun<Problem>& run) {
          EXPECT_EQ(run.promise.kind, Promise::Kind::probable);
          broken += run.quality.error <= run.promise.bound ? 0 : 1;
        };
        judge(run_on<Problem, kronecker::LeveragePairs>(comm, *source, spec, drawn(&Pairs::samples, 100, draw),
                                                        reference));
        judge(
            run_on<Problem, kronecker::ProductSketch>(comm, *source, spec, drawn(&Sketch::rows, 40, draw), reference));
        kronecker::QuantumParams quantum;
        quantum.tolerance = 0.3;
        quantum.draw = draw;
        judge(run_on<Problem, kronecker::Quantum>(comm, *source, spec, quantum, reference));
      }
      EXPECT_LE(broken, 3) << data;  // 5 % of 60 draws
    }
  });
}

/// B that serves single entries and refuses whole rows.
class EntriesOnly final : public Source<double> {
 public:
  explicit EntriesOnly(const KroneckerData& data) : memory_(data) {}
  Index columns(std::string_view name) const override { return memory_.columns(name); }

 protected:
  void fill(std::string_view name, Index slice, Range range, std::span<double> out) const override {
    if (name == "b") throw Failure("asked for whole rows of b");
    memory_.rows(name, slice, range, out);
  }
  void fill_block(std::string_view name, Index slice, Range range, Range columns,
                  std::span<double> out) const override {
    if (range.size() * columns.size() != 1) throw Failure("asked for more than an entry of b");
    out[0] = memory_.entry(name, slice, range.begin, columns.begin);
  }

 private:
  KroneckerMemory<double> memory_;
};

TEST_P(KroneckerFit, SamplingMethodsReadOnlyTheEntriesTheyCount) {
  on_ranks([](const Communicator& comm) {
    const auto spec = kronecker_spec(60, 3, "gaussian", 45, 2);
    const auto generated = KroneckerData::generated(spec, 3);
    const auto reference = Problem::reference(comm, spec, KroneckerMemory<double>(generated), 1);
    const EntriesOnly source(generated);
    const auto pairs =
        run_on<Problem, kronecker::LeveragePairs>(comm, source, spec, drawn(&Pairs::samples, 100, 1), reference);
    EXPECT_EQ(pairs.quality.entries_read, 99);  // the distinct ones of 100 drawn pairs
    EXPECT_EQ(pairs.quality.share_read, 99.0 / 2700);
    const auto sketch =
        run_on<Problem, kronecker::ProductSketch>(comm, source, spec, drawn(&Sketch::rows, 20, 1), reference);
    EXPECT_EQ(sketch.quality.entries_read, 15 * 12);  // the distinct ones of 20 x 20 drawn rows and columns
    // One entry of b cannot be had: every rank hears of it.
    const auto failure = [&]() -> std::string {
      try {
        run_on<Problem, kronecker::QrFactors>(comm, source, spec, {}, reference);
      } catch (const Error& error) {
        return error.what();
      }
      return "";
    };
    EXPECT_THAT(failure(), testing::HasSubstr("asked for more than an entry of b"));
  });
}

/// Each is read once, but stands for as many equations as it was drawn.
TEST_P(KroneckerFit, APairDrawnTwiceCountsTwice) {
  on_ranks([](const Communicator& comm) {
    constexpr Index samples = 300;  // of 120 pairs
    const auto spec = kronecker_spec(12, 3, "student_t", 10, 2);
    const auto generated = KroneckerData::generated(spec, 3);
    const KroneckerMemory<double> source(generated);
    const Problem problem(spec, source, Layout::contiguous(12, comm.size()), comm.rank());
    regression::LeverageSampler<double> sampler(comm, spec, {samples, samples}, 1);
    sampler.run(problem.factors);
    const Array<double> whole = generated.product();
    Array<double> equations(1, samples, 7);  // a1_i (x) a2_j and b_ij, over the root of their probability
    std::vector<double> q1(3), q2(2);
    for (Index l = 0; l < samples; ++l) {
      const Index i = sampler.index(0, l), j = sampler.index(1, l);
      const double scores = sampler.whiten(0, sampler.row(0, l), q1) * sampler.whiten(1, sampler.row(1, l), q2);
      for (Index c = 0; c < 6; ++c) equations(0, l, c) = whole(0, i * 10 + j, c) / std::sqrt(scores);
      equations(0, l, 6) = generated.b(0, i, j) / std::sqrt(scores);
    }
    const Array<double> triangle = qr_upper(equations);
    Array<double> r(1, 6, 6), x(1, 6, 1);
    for (Index p = 0; p < 6; ++p) {
      std::copy_n(triangle.row(0, p), 6, r.row(0, p));
      x(0, p, 0) = triangle(0, p, 6);
    }
    solve_upper(r, x);
    const auto run = run_on<Problem, kronecker::LeveragePairs>(comm, source, spec, drawn(&Pairs::samples, samples, 1));
    EXPECT_LT(run.quality.entries_read, 120);
    for (Index p = 0; p < 6; ++p) EXPECT_NEAR(run.solution.x.data()[p], x.data()[p], 1e-12);  // condition near 1
  });
}

TEST_P(KroneckerFit, ANaNIsAnInfiniteErrorAndAgreesWithNothing) {
  on_ranks([](const Communicator& comm) {
    const auto spec = kronecker_spec(20, 2);
    const auto source = Problem::generate(spec, 3);
    const auto reference = Problem::reference(comm, spec, *source, 1);
    const Problem problem(spec, *source, Layout::contiguous(20, comm.size()), comm.rank());
    KroneckerRegressionSolution<double> solution{reference.x, 0};
    EXPECT_EQ(Problem::quality(comm, reference, problem, solution).error, 0);
    EXPECT_TRUE(Problem::agrees(reference, solution, solution));
    auto other = solution;
    other.x(0, 1, 0) += 1e-6;
    EXPECT_FALSE(Problem::agrees(reference, solution, other));
    solution.x(0, 1, 0) = NAN;
    EXPECT_EQ(Problem::quality(comm, reference, problem, solution).error, INFINITY);
    EXPECT_FALSE(Problem::agrees(reference, solution, solution));
  });
}

TEST_P(KroneckerFit, QuantumPromisesNothingBelowAnOversamplingOfOne) {
  on_ranks([](const Communicator& comm) {
    const auto spec = kronecker_spec(60, 3, "gaussian", 45, 2);
    const auto source = Problem::generate(spec, 3);
    const auto promise = [&](double oversampling) {
      kronecker::QuantumParams params;
      params.oversampling = oversampling;
      return run_on<Problem, kronecker::Quantum>(comm, *source, spec, params).promise;
    };
    EXPECT_EQ(promise(0.9).kind, Promise::Kind::none);
    EXPECT_TRUE(std::isnan(promise(0.9).bound));
    EXPECT_EQ(promise(0.9).reason, "oversampling below 1 may lose directions of a factor; use at least 1");
    EXPECT_EQ(promise(1).kind, Promise::Kind::probable);
    EXPECT_DOUBLE_EQ(promise(1).bound, 4 * kronecker::QuantumParams().tolerance);
  });
}

TEST_P(KroneckerFit, SamplesSayWhenTheyAreNoSmallerThanTheData) {
  on_ranks([](const Communicator& comm) {
    const auto spec = kronecker_spec(40, 3, "gaussian", 25, 2);
    const auto source = Problem::generate(spec, 3);
    const auto reference = Problem::reference(comm, spec, *source, 1);
    const std::string note = "no fewer rows are kept than there are: no saving, use an exact method";
    const auto pairs = [&](Index samples) {
      return run_on<Problem, kronecker::LeveragePairs>(comm, *source, spec, drawn(&Pairs::samples, samples, 1),
                                                       reference)
          .promise;
    };
    EXPECT_EQ(pairs(999).reason, "");
    EXPECT_EQ(pairs(1000).reason, note) << "as many entries of B as it has";
    EXPECT_EQ(pairs(1000).kind, Promise::Kind::probable);
    const auto sketch = [&](Index rows) {
      return run_on<Problem, kronecker::ProductSketch>(comm, *source, spec, drawn(&Sketch::rows, rows, 1), reference)
          .promise.reason;
    };
    EXPECT_EQ(sketch(39), "") << "40 rows of A1 got fewer, if not the 25 of A2";
    EXPECT_EQ(sketch(40), note);
    const auto quantum = [&](const KroneckerRegressionSpec& of) {
      return run_on<Problem, kronecker::Quantum>(comm, *Problem::generate(of, 3), of, {}).promise.reason;
    };
    EXPECT_EQ(quantum(spec), note) << "66 rows are wanted";
    EXPECT_EQ(quantum(kronecker_spec(400, 3, "gaussian", 25, 2)), "");
  });
}

TEST_P(KroneckerFit, ARightSideOfZerosHasTheAnswerZeroAndNoErrors) {
  on_ranks([](const Communicator& comm) {
    auto data = KroneckerData::generated(kronecker_spec(60, 3, "gaussian", 45, 2));
    std::fill_n(data.b.data(), data.b.size(), 0.0);
    const KroneckerMemory<double> source(data);
    const auto spec = kronecker_spec(60, 3, "gaussian", 45, 2);
    const auto reference = Problem::reference(comm, spec, source, 1);
    const auto judge = [&](const KroneckerRun<Problem>& run, const char* method) {
      for (const double entry : run.solution.x.span()) EXPECT_EQ(entry, 0) << method;
      for (const double measure : {run.quality.error, run.quality.residual, run.quality.forward_error})
        EXPECT_EQ(measure, 0) << method;
    };
    judge(run_on<Problem, kronecker::QrFactors>(comm, source, spec, {}, reference), "qr_factors");
    judge(run_on<Problem, kronecker::LeveragePairs>(comm, source, spec, drawn(&Pairs::samples, 60, 1), reference),
          "leverage_pairs");
    judge(run_on<Problem, kronecker::ProductSketch>(comm, source, spec, drawn(&Sketch::rows, 25, 1), reference),
          "product_sketch");
    judge(run_on<Problem, kronecker::Quantum>(comm, source, spec, {}, reference), "quantum");

    const Problem problem(spec, source, Layout::contiguous(60, comm.size()), comm.rank());
    KroneckerRegressionSolution<double> wrong{reference.x, 0};
    wrong.x(0, 1, 0) = 1;
    EXPECT_EQ(Problem::quality(comm, reference, problem, wrong).error, INFINITY);
    EXPECT_EQ(Problem::quality(comm, reference, problem, wrong).forward_error, INFINITY);
  });
}

/// Of both factors' draws, from a sampler of the test's own.
template <class Spec>
Index distinct_rows(const Communicator& comm, const Spec& spec, const Source<double>& source, Index draws) {
  const Problem problem(spec, source, Layout::contiguous(spec.n, comm.size()), comm.rank());
  regression::LeverageSampler<double> sampler(comm, spec, {draws, draws}, 1);
  sampler.run(problem.factors);
  std::set<std::pair<int, Index>> rows;
  for (const int factor : {0, 1})
    for (Index l = 0; l < draws; ++l) rows.emplace(factor, sampler.index(factor, l));
  return static_cast<Index>(rows.size());
}

TEST_P(KroneckerFit, SamplersCountTheFactorRowsThatTheyDrew) {
  on_ranks([](const Communicator& comm) {
    for (const char* data : {"gaussian", "cauchy"}) {
      const auto spec = kronecker_spec(60, 3, data, 45, 2);
      const auto source = Problem::generate(spec, 3);
      const Problem problem(spec, *source, Layout::contiguous(60, comm.size()), comm.rank());
      for (const Index draws : {10, 50, 2000}) {  // fewer than rows, about as many, all rows of gaussian factors
        const Index drawn_rows = distinct_rows(comm, spec, *source, draws);
        const Pairs params = drawn(&Pairs::samples, draws, 1);
        kronecker::LeveragePairs<double> pairs(comm, spec, params);
        pairs.run(problem);
        EXPECT_EQ(pairs.counts().factor_rows, drawn_rows) << data << " " << draws;
        kronecker::ProductSketch<double> sketch(comm, spec, drawn(&Sketch::rows, draws, 1));
        sketch.run(problem);
        EXPECT_EQ(sketch.counts().factor_rows, drawn_rows) << data << " " << draws;
        EXPECT_LE(drawn_rows, std::min<Index>(2 * draws, 60 + 45));
        const auto guess = static_cast<double>(kronecker::LeveragePairs<double>::expected(spec, params).factor_rows);
        EXPECT_LE(static_cast<double>(drawn_rows), guess + 5 * std::sqrt(guess))
            << "equal scores lead to the most rows";
        EXPECT_LE(guess, 60 + 45);
      }
    }
    EXPECT_EQ(distinct_rows(comm, kronecker_spec(60, 3, "gaussian", 45, 2),
                            *Problem::generate(kronecker_spec(60, 3, "gaussian", 45, 2), 3), 2000),
              60 + 45);
  });
}

INSTANTIATE_TEST_SUITE_P(Kronecker, KroneckerFit, contract_ranks(), rank_count_name);

}  // namespace
}  // namespace breakeven::testing_support
