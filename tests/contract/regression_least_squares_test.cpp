#include "methods/regression/least_squares/problem.hpp"
#include "support/contract.hpp"

// What every method of regression/least_squares owes at every rank count, empty blocks included.
namespace breakeven {
namespace {

using testing_support::expect_contract;
using testing_support::MethodCase;
using testing_support::MethodRun;
using testing_support::number;
using testing_support::OnRanks;
using testing_support::run_method;

using LeastSquaresContract = OnRanks;

/// Every method, with each setting that takes another path.
std::vector<MethodCase> methods() {
  return {{"tsqr", {}},
          {"refined_gram", {}},
          {"cholesky_qr2", {}},
          {"normal_equations", {}},
          {"sketch_solve", {}},
          {"sketch_solve", {{"sketch", std::string("count")}, {"sketch-rows", Index{600}}}},
          {"sketch_precondition", {}},
          {"sketch_precondition", {{"start", std::string("zero")}, {"nonzeros", Index{4}}}},
          {"leverage", {}},
          {"leverage", {{"directions", Index{0}}, {"draw", Index{2}}}},
          {"leverage", {{"sampling", std::string("uniform")}, {"sample-rows", Index{150}}}}};
}
constexpr const char* data_kinds[] = {"gaussian", "student_t", "cauchy", "spike", "graded", "correlated"};

/// Backward errors of a few eps, sums of n terms among them, move an answer by that times condition^2 at most, relative
/// to its size (Wedin 1973; the square for large residuals and for the normal equations).
double tolerance(Precision precision, Index n, const MethodRun& run) {
  const double eps = precision == Precision::f32 ? 0x1p-23 : 0x1p-52;
  const double condition = number(run.quality, "condition_estimate");
  double largest = 0;
  for (const double entry : run.answers[0]) largest = std::max(largest, std::abs(entry));
  return 8 * eps * std::sqrt(static_cast<double>(n + 8)) * condition * condition * largest;
}

void expect_least_squares_contract(const Communicator& comm, Index n, const Assignment& options, Precision precision) {
  Assignment spec = options;
  spec.emplace_back("n", n);
  for (const MethodCase& method : methods())
    expect_contract(comm, {"regression", "least_squares", spec, method, precision},
                    [&](const MethodRun& run) { return tolerance(precision, n, run); });
}

// n: as many rows as columns (fewer than ranks: empty blocks), P - 1, P, P + 1, many, and more than one block of 256 a
// rank.
TEST_P(LeastSquaresContract, IsKeptOnEverySize) {
  on_ranks([](const Communicator& comm) {
    for (const Index n : {1, 2, 7, 100}) expect_least_squares_contract(comm, n, {{"d", Index{1}}}, Precision::f64);
    for (const Index n : {3, 6, 7, 8, 100, 2000})
      expect_least_squares_contract(comm, n, {{"d", Index{3}}, {"rhs", Index{2}}}, Precision::f64);
    for (const Index n : {5, 6, 7, 8, 100})
      expect_least_squares_contract(comm, n, {{"d", Index{5}}, {"rhs", Index{3}}, {"ridge", 0.25}}, Precision::f64);
    expect_least_squares_contract(comm, 600, {{"d", Index{33}}}, Precision::f64);
  });
}

TEST_P(LeastSquaresContract, IsKeptOnEveryKindOfData) {
  on_ranks([](const Communicator& comm) {
    for (const char* data : data_kinds)
      for (const double ridge : {0.0, 1.0})
        for (const Precision precision : {Precision::f64, Precision::f32})
          expect_least_squares_contract(
              comm, 300,
              {{"d", Index{6}}, {"rhs", Index{2}}, {"data", std::string(data)}, {"ridge", ridge}, {"condition", 50.0}},
              precision);
  });
}

/// Falling back is one more message, which the schedule must know from the counts: after the first Gram matrix (1e12),
/// or in single precision after the second or a refinement.
TEST_P(LeastSquaresContract, IsKeptByMethodsThatFallBack) {
  on_ranks([](const Communicator& comm) {
    for (const auto& [precision, condition] :
         {std::pair{Precision::f64, 1e12}, {Precision::f32, 1e3}, {Precision::f32, 4e3}, {Precision::f32, 1e4}})
      for (const char* method : {"refined_gram", "cholesky_qr2"})
        expect_contract(
            comm,
            {"regression",
             "least_squares",
             {{"n", Index{400}}, {"d", Index{8}}, {"data", std::string("graded")}, {"condition", condition}},
             {method, {}},
             precision},
            [](const MethodRun&) { return INFINITY; });  // equality is judged on well-conditioned data
  });
}

TEST_P(LeastSquaresContract, StableMethodsReachTheOracle) {
  on_ranks([](const Communicator& comm) {
    for (const char* data : data_kinds)
      for (const char* method : {"tsqr", "refined_gram", "cholesky_qr2"}) {
        const MethodRun run =
            run_method(comm, registry(), "regression", "least_squares",
                       {{"n", Index{500}}, {"d", Index{9}}, {"data", std::string(data)}}, {method, {}}, Precision::f64);
        // The excess is quadratic in the relative change u condition of R X: far below one rounding.
        EXPECT_LE(number(run.quality, "error"), 0x1p-53) << method << " " << data;
        EXPECT_LE(number(run.quality, "backward_error"), 16 * 0x1p-53) << method << " " << data;
      }
  });
}

TEST_P(LeastSquaresContract, DataAreTheSameBitForBitOnEveryRankCount) {
  on_ranks([](const Communicator& comm) {
    for (const char* data : data_kinds) {
      regression::LeastSquaresSpec spec;
      spec.n = 23;
      spec.d = 5;
      spec.rhs = 3;
      spec.data = data;
      const auto source = regression::LeastSquaresProblem<double>::generate(spec, 5);
      const auto again = regression::LeastSquaresProblem<double>::generate(spec, 5);
      const Range mine = Layout::contiguous(23, comm.size()).ranges(comm.rank()).front();
      for (const char* name : {"a", "b"}) {
        const Array<double> whole = source->rows(name, 0, {0, 23}), part = again->rows(name, 0, mine);
        for (Index i = 0; i < mine.size(); ++i)
          for (Index c = 0; c < whole.columns(); ++c)
            EXPECT_EQ(part(0, i, c), whole(0, mine.begin + i, c)) << data << " /" << name;
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(LeastSquares, LeastSquaresContract, testing_support::contract_ranks(),
                         testing_support::rank_count_name);

}  // namespace
}  // namespace breakeven
