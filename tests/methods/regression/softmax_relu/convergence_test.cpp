#include <gmock/gmock.h>

#include <cmath>

#include "base/error.hpp"
#include "methods/regression/softmax_relu/descent.hpp"
#include "support/method_run.hpp"
#include "support/on_ranks.hpp"

// How fast the methods of softmax_relu approach the minimiser, and what they say when they cannot.
namespace breakeven {
namespace {

using testing_support::MethodCase;
using testing_support::MethodRun;
using testing_support::OnRanks;
using testing_support::run_method;

using SoftmaxReluConvergence = OnRanks;

Assignment spec_with(std::initializer_list<std::pair<std::string, Value>> changes) {
  Assignment spec{{"n", Index{2000}}, {"m", Index{16}}, {"d", Index{16}}};
  for (const auto& change : changes) {
    std::erase_if(spec, [&](const auto& given) { return given.first == change.first; });
    spec.push_back(change);
  }
  return spec;
}

MethodRun solve(const Communicator& comm, const Assignment& spec, const std::string& method, Assignment params) {
  return run_method(comm, registry(), "regression", "softmax_relu", spec, {method, std::move(params)}, Precision::f64);
}

double number(const Values& values, const std::string& name) {
  return std::get<double>(*find(values, name));
}

Index count(const MethodRun& run, const std::string& name) {
  return std::get<Index>(*find(run.counts, name));
}

/// Gradient norm relative to its start after each of the first steps.
std::vector<double> reductions(const Communicator& comm, const Assignment& spec, const std::string& method,
                               const Assignment& params, Index steps) {
  std::vector<double> all;
  for (Index step = 1; step <= steps; ++step) {
    Assignment limited = params;
    limited.emplace_back("max-iterations", step);
    limited.emplace_back("tolerance", 1e-12);
    all.push_back(number(solve(comm, spec, method, limited).quality, "gradient_reduction"));
  }
  return all;
}

TEST_P(SoftmaxReluConvergence, ExactNewtonIsQuadraticNearTheMinimiser) {
  on_ranks([](const Communicator& comm) {
    const std::vector<double> r = reductions(comm, spec_with({{"data", std::string("correlated")}}), "newton", {}, 8);
    // |g+| <= c |g|^2: the number of correct digits doubles, from the step at which it is one until rounding at 1e-12.
    int doublings = 0;
    for (std::size_t k = 0; k + 1 < r.size(); ++k) {
      if (r[k] > 1e-1 || r[k + 1] < 1e-12) continue;
      ++doublings;
      EXPECT_LE(std::log(r[k + 1]), 1.6 * std::log(r[k])) << "step " << k + 1 << " of " << r[k] << " to " << r[k + 1];
    }
    EXPECT_GE(doublings, 1);
  });
}

/// Local and predicted rate, W^2 far above B so that sampling is the only error, and few of the rows sampled.
std::pair<double, double> sampled_rates(const Communicator& comm, double factor) {
  const MethodRun run = solve(comm, spec_with({{"dominance", 1e3}, {"n", Index{16384}}}), "sketched_newton",
                              {{"sample-factor", factor}, {"tolerance", 1e-10}});
  EXPECT_EQ(run.promise.kind, Promise::Kind::certified) << run.promise.reason;
  return {number(run.counts, "local_rate"), number(run.counts, "predicted_rate")};
}

TEST_P(SoftmaxReluConvergence, SampledNewtonIsLinearAtTheRateOfTheSample) {
  on_ranks([](const Communicator& comm) {
    // A fresh sample of k rows errs by 2 sqrt(d / k) in the whitened norm (Marchenko and Pastur 1967): at most that a
    // step. A given vector feels about half of it; a quarter is a bound from below.
    const auto [few, few_predicted] = sampled_rates(comm, 5);
    const auto [many, many_predicted] = sampled_rates(comm, 20);
    EXPECT_NEAR(few_predicted, 2 * std::sqrt(1 / (5 * std::log(16.0))), 0.01) << "k is a whole number";
    EXPECT_LE(few, few_predicted);
    EXPECT_GE(few, few_predicted / 4);
    EXPECT_LE(many, many_predicted);
    EXPECT_GE(many, many_predicted / 4);
    EXPECT_NEAR(few / many, 2, 0.8) << "four times the rows, half the rate";
  });
}

TEST_P(SoftmaxReluConvergence, IterationsGrowWithTheLogarithmOfTheAccuracy) {
  on_ranks([](const Communicator& comm) {
    const auto expect_line = [&](const std::string& method, const Assignment& params) {
      double n = 0, x = 0, y = 0, xx = 0, xy = 0, steps_a_digit = 0;
      std::vector<std::pair<double, double>> points;
      for (int digits = 2; digits <= 10; ++digits) {
        Assignment all = params;
        all.emplace_back("tolerance", std::pow(10.0, -digits));
        const MethodRun run = solve(comm, spec_with({{"dominance", 30.0}}), method, all);
        const auto steps = static_cast<double>(count(run, "iterations"));
        steps_a_digit = number(run.counts, "steps_a_digit");  // of the longest run, in the end
        points.emplace_back(digits, steps);
        n += 1, x += digits, y += steps, xx += digits * digits, xy += digits * steps;
      }
      const double slope = (n * xy - x * y) / (n * xx - x * x), offset = (y - slope * x) / n;
      EXPECT_GT(slope, 0) << method;
      EXPECT_NEAR(steps_a_digit, slope, 0.2 * slope) << method << ": what one run tells of all accuracies";
      // Steps are whole numbers: a line is met within one, and one more for an uneven sample.
      for (const auto& [digits, steps] : points) EXPECT_NEAR(steps, offset + slope * digits, 2) << method;
      return slope;
    };
    const double sampled = expect_line("sketched_newton", {{"sample-factor", 5.0}});
    const double rate = std::pow(10.0, -1 / sampled);
    EXPECT_LE(rate, 2 * std::sqrt(1 / (5 * std::log(16.0))));
    const double fixed = expect_line("fixed_factor", {});
    EXPECT_LT(fixed, sampled) << "in the regime of the theory the matrix factored once needs fewer steps";
  });
}

TEST(SoftmaxReluRates, AreThoseOfTheLastHalfOfTheDigitsAndOfTheWholeLine) {
  std::vector<double> even{1}, slow_start{1, 0.9, 0.8, 0.7};
  for (int step = 1; step <= 8; ++step) even.push_back(std::pow(10.0, -0.5 * step));
  for (int step = 0; step < 10; ++step) slow_start.push_back(slow_start.back() / 10);
  EXPECT_NEAR(regression::local_rate(even), std::sqrt(0.1), 1e-15);
  EXPECT_NEAR(regression::steps_a_digit(even), 2, 1e-14);
  EXPECT_NEAR(regression::local_rate(slow_start), 0.1, 1e-15) << "the start is not local";
  EXPECT_NEAR(regression::local_rate(std::vector{1.0, 1e-2, 1e-9}), 1e-7, 1e-21) << "one step has most of the digits";
  EXPECT_TRUE(std::isnan(regression::local_rate(std::vector{1.0})));
  EXPECT_TRUE(std::isnan(regression::local_rate(std::vector{1.0, 0.0})));
  EXPECT_TRUE(std::isnan(regression::steps_a_digit(std::vector{1.0, 0.1})));
  EXPECT_TRUE(std::isnan(regression::steps_a_digit(std::vector{1.0, 0.1, 0.0})));
}

TEST_P(SoftmaxReluConvergence, LipschitzRatioStaysUnderItsBound) {
  on_ranks([](const Communicator& comm) {
    for (const char* signs : {"positive", "mixed"})
      for (const char* data : {"gaussian", "student_t"}) {
        const Assignment spec =
            spec_with({{"signs", std::string(signs)}, {"data", std::string(data)}, {"dominance", 30.0}});
        const MethodRun run = solve(comm, spec, "newton", {});
        EXPECT_GT(number(run.quality, "lipschitz_ratio"), 0) << signs << data;
        EXPECT_LE(number(run.quality, "lipschitz_ratio"), number(run.quality, "lipschitz_bound")) << signs << data;
      }
    const MethodRun kink = solve(
        comm, spec_with({{"signs", std::string("mixed")}, {"dominance", 0.03}, {"n", Index{4096}}}), "newton", {});
    EXPECT_TRUE(std::isnan(number(kink.quality, "lipschitz_ratio"))) << "x* is between two cells";
  });
}

TEST_P(SoftmaxReluConvergence, NewtonCgKeepsTheStepsOfExactNewton) {
  on_ranks([](const Communicator& comm) {
    for (const char* data : {"gaussian", "correlated", "student_t"}) {
      const Assignment spec = spec_with({{"data", std::string(data)}});
      const MethodRun exact = solve(comm, spec, "newton", {});
      const MethodRun truncated = solve(comm, spec, "newton_cg", {});
      EXPECT_EQ(truncated.promise.kind, Promise::Kind::certified) << truncated.promise.reason;
      EXPECT_LE(count(truncated, "iterations"), 2 * count(exact, "iterations") + 2) << data;
      EXPECT_EQ(count(truncated, "factorisations"), 1);
    }
  });
}

TEST_P(SoftmaxReluConvergence, LbfgsGetsAsFarAsTheRoundingOfTheLossAllows) {
  on_ranks([](const Communicator& comm) {
    const MethodRun run = solve(comm, spec_with({}), "lbfgs", {{"tolerance", 1e-6}});
    EXPECT_EQ(run.promise.kind, Promise::Kind::certified) << run.promise.reason;
    const MethodRun further = solve(comm, spec_with({}), "lbfgs", {{"tolerance", 1e-12}});
    EXPECT_EQ(further.promise.kind, Promise::Kind::none);
    EXPECT_THAT(further.promise.reason, testing::HasSubstr("not converged: "));
  });
}

TEST_P(SoftmaxReluConvergence, KinksAreReportedAsKinks) {
  on_ranks([](const Communicator& comm) {
    const Assignment spec = spec_with({{"signs", std::string("mixed")}, {"dominance", 0.03}, {"n", Index{4096}}});
    for (const char* method : {"newton", "newton_cg", "fixed_factor"}) {
      const MethodRun run = solve(comm, spec, method, {});
      EXPECT_EQ(run.promise.kind, Promise::Kind::none) << method;
      EXPECT_THAT(run.promise.reason, testing::StartsWith("kink: ")) << method;
      EXPECT_LT(number(run.quality, "kink"), 1e-8) << method;
    }
  });
}

TEST_P(SoftmaxReluConvergence, DivergenceIsToldWithItsStep) {
  on_ranks([](const Communicator& comm) {
    const Assignment spec = spec_with({{"dominance", 0.01}, {"data", std::string("correlated")}});
    const MethodRun run = solve(comm, spec, "fixed_factor", {{"damping", std::string("none")}});
    EXPECT_EQ(run.promise.kind, Promise::Kind::none);
    EXPECT_THAT(run.promise.reason, testing::HasSubstr("diverged at step "));
    for (const double entry : run.answers[0]) EXPECT_TRUE(std::isfinite(entry));
  });
}

TEST_P(SoftmaxReluConvergence, WarnsWhereTheWeightsProveNothing) {
  on_ranks([](const Communicator& comm) {
    const MethodRun heavy = solve(comm, spec_with({{"dominance", 1e3}}), "newton", {});
    EXPECT_EQ(heavy.promise.reason, "");
    EXPECT_GT(number(heavy.quality, "lambda_min"), 0);
    const MethodRun light = solve(comm, spec_with({{"dominance", 1.0}}), "newton", {});
    EXPECT_EQ(light.promise.kind, Promise::Kind::certified);
    EXPECT_THAT(light.promise.reason, testing::HasSubstr("may be indefinite"));
    const std::pair<std::string, Value> one_step{"max-iterations", Index{1}};
    const MethodRun unfinished = solve(comm, spec_with({{"dominance", 1.0}}), "newton", {one_step});
    EXPECT_THAT(unfinished.promise.reason, testing::StartsWith("not converged: "));
    EXPECT_THAT(unfinished.promise.reason, testing::HasSubstr("Hessian may be indefinite"));
    const MethodRun definite = solve(comm, spec_with({{"dominance", 1e3}}), "newton", {one_step});
    EXPECT_THAT(definite.promise.reason, testing::StartsWith("not converged: "));
    EXPECT_THAT(definite.promise.reason, testing::Not(testing::HasSubstr("indefinite")));
  });
}

void expect_refused(const Assignment& spec, const MethodCase& which, const std::string& message,
                    Precision precision = Precision::f64) {
  const ProblemType& type = registry().problem("regression", "softmax_relu");
  const MethodEntry& entry = registry().method("regression", "softmax_relu", which.method);
  try {
    const std::any made = type.make_spec(spec);
    type.validate(made);
    entry.type->validate(precision, made, entry.type->make_params(which.params));
    ADD_FAILURE() << "not refused: " << message;
  } catch (const BadRequest& refusal) {
    EXPECT_THAT(refusal.what(), testing::HasSubstr(message));
  }
}

TEST(SoftmaxReluRefuses, BadSizesAndParametersWithOptionBoundAndValue) {
  const MethodCase newton{"newton", {}};
  expect_refused({{"d", Index{0}}}, newton, "d must be at least 1, got 0");
  expect_refused({{"m", Index{0}}}, newton, "m must be at least 1, got 0");
  expect_refused({{"n", Index{5}}, {"d", Index{6}}}, newton, "n must be at least d = 6");
  expect_refused({{"n", Index{1} << 40}, {"d", Index{1} << 30}}, newton, "at most 2^56");
  expect_refused({{"density", 0.0}}, newton, "density must be above 0 and at most 1, got 0");
  expect_refused({{"m", Index{4}}, {"nonzeros", Index{5}}}, newton, "nonzeros must be between 0 (dense) and m = 4");
  expect_refused({{"dominance", 0.0}}, newton, "dominance must be positive and finite, got 0");
  expect_refused({{"start-distance", double(INFINITY)}}, newton, "start-distance must be finite");
  for (const char* method : {"newton", "sketched_newton", "newton_cg", "fixed_factor", "gradient_descent", "lbfgs"}) {
    expect_refused({}, {method, {{"tolerance", 0.0}}}, "tolerance must be at least");
    expect_refused({}, {method, {{"tolerance", 1.0}}}, "and below 1, got 1");
    expect_refused({}, {method, {}}, "in f32", Precision::f32);
    expect_refused({}, {method, {{"max-iterations", Index{0}}}}, "max-iterations must be at least 1, got 0");
  }
  expect_refused({}, {"sketched_newton", {{"sample-factor", 0.0}}}, "sample-factor must be positive and finite, got 0");
  expect_refused({}, {"newton_cg", {{"sketch-factor", 0.5}}}, "sketch-factor must be at least 1");
  expect_refused({}, {"newton_cg", {{"max-inner", Index{0}}}}, "max-inner must be at least 1, got 0");
  expect_refused({}, {"lbfgs", {{"memory", Index{0}}}}, "memory must be at least 1");
}

INSTANTIATE_TEST_SUITE_P(SoftmaxRelu, SoftmaxReluConvergence, testing::Values(1, 3), testing_support::rank_count_name);

}  // namespace
}  // namespace breakeven
