#include "registry.hpp"

#include "methods/attention/forward/allgather.hpp"
#include "methods/attention/forward/dense.hpp"
#include "methods/attention/forward/polynomial.hpp"
#include "methods/attention/forward/ring.hpp"
#include "methods/inner_product/heavy_pairs/aggregate.hpp"
#include "methods/inner_product/heavy_pairs/gemm.hpp"
#include "methods/inner_product/heavy_pairs/lsh.hpp"
#include "methods/inner_product/heavy_pairs/popcount.hpp"
#include "methods/inner_product/heavy_pairs/prefix.hpp"
#include "methods/inner_product/relu_training/dense_step.hpp"
#include "methods/inner_product/relu_training/fired_pairs.hpp"
#include "methods/regression/kronecker_regression/leverage_pairs.hpp"
#include "methods/regression/kronecker_regression/product_sketch.hpp"
#include "methods/regression/kronecker_regression/qr_factors.hpp"
#include "methods/regression/kronecker_regression/quantum.hpp"
#include "methods/regression/kronecker_spectral/leverage_pairs.hpp"
#include "methods/regression/kronecker_spectral/product_sketch.hpp"
#include "methods/regression/kronecker_spectral/qr_factors.hpp"
#include "methods/regression/kronecker_spectral/quantum.hpp"
#include "methods/regression/least_squares/cholesky_qr2.hpp"
#include "methods/regression/least_squares/leverage.hpp"
#include "methods/regression/least_squares/normal_equations.hpp"
#include "methods/regression/least_squares/quantum.hpp"
#include "methods/regression/least_squares/refined_gram.hpp"
#include "methods/regression/least_squares/sketch_precondition.hpp"
#include "methods/regression/least_squares/sketch_solve.hpp"
#include "methods/regression/least_squares/tsqr.hpp"
#include "methods/regression/quantum_sampling/state_vector.hpp"
#include "methods/regression/quantum_sampling/two_plane.hpp"
#include "methods/regression/softmax_relu/fixed_factor.hpp"
#include "methods/regression/softmax_relu/gradient_descent.hpp"
#include "methods/regression/softmax_relu/lbfgs.hpp"
#include "methods/regression/softmax_relu/newton.hpp"
#include "methods/regression/softmax_relu/newton_cg.hpp"
#include "methods/regression/softmax_relu/sketched_newton.hpp"

namespace breakeven {
namespace {

// THE list: one line a method, in the order of the report.
Registry make_registry() {
  Registry registry;
  registry.add<attention::ForwardProblem, attention::Ring>(Role::exact);
  registry.add<attention::ForwardProblem, attention::AllGather>(Role::exact);
  registry.add<attention::ForwardProblem, attention::Polynomial>(Role::fast, "2302.13214");
  registry.add<attention::ForwardProblem, attention::Dense>(Role::reference);
  registry.add<regression::LeastSquaresProblem, regression::Tsqr>(Role::exact);
  registry.add<regression::LeastSquaresProblem, regression::RefinedGram>(Role::exact);
  registry.add<regression::LeastSquaresProblem, regression::CholeskyQr2>(Role::exact);
  registry.add<regression::LeastSquaresProblem, regression::NormalEquations>(Role::exact);
  registry.add<regression::LeastSquaresProblem, regression::SketchSolve>(Role::fast, "2311.14823");
  registry.add<regression::LeastSquaresProblem, regression::SketchPrecondition>(Role::fast, "2311.14823");
  registry.add<regression::LeastSquaresProblem, regression::Leverage>(Role::fast, "2311.14823");
  registry.add<regression::LeastSquaresProblem, regression::Quantum>(Role::fast, "2311.14823");
  registry.add<regression::QuantumSamplingProblem, regression::TwoPlane>(Role::exact);
  registry.add<regression::QuantumSamplingProblem, regression::StateVector>(Role::fast, "2311.14823");

  namespace spectral = regression::kronecker_spectral;
  registry.add<regression::KroneckerSpectralProblem, spectral::QrFactors>(Role::exact);
  registry.add<regression::KroneckerSpectralProblem, spectral::LeveragePairs>(Role::fast, "2402.07027");
  registry.add<regression::KroneckerSpectralProblem, spectral::ProductSketch>(Role::fast, "2402.07027");
  registry.add<regression::KroneckerSpectralProblem, spectral::Quantum>(Role::fast, "2402.07027");

  namespace kronecker = regression::kronecker_regression;
  registry.add<regression::KroneckerRegressionProblem, kronecker::QrFactors>(Role::exact);
  registry.add<regression::KroneckerRegressionProblem, kronecker::LeveragePairs>(Role::fast, "2402.07027");
  registry.add<regression::KroneckerRegressionProblem, kronecker::ProductSketch>(Role::fast, "2402.07027");
  registry.add<regression::KroneckerRegressionProblem, kronecker::Quantum>(Role::fast, "2402.07027");

  registry.add<regression::SoftmaxReluProblem, regression::Newton>(Role::exact);
  registry.add<regression::SoftmaxReluProblem, regression::SketchedNewton>(Role::fast, "2311.15390");
  registry.add<regression::SoftmaxReluProblem, regression::NewtonCg>(Role::fast, "2311.15390");
  registry.add<regression::SoftmaxReluProblem, regression::FixedFactor>(Role::fast, "2311.15390");
  registry.add<regression::SoftmaxReluProblem, regression::GradientDescent>(Role::fast);
  registry.add<regression::SoftmaxReluProblem, regression::Lbfgs>(Role::fast);

  registry.add_signs<inner_product::HeavyPairsProblem, inner_product::Popcount>(Role::exact);
  registry.add_signs<inner_product::HeavyPairsProblem, inner_product::Gemm>(Role::exact);
  registry.add_signs<inner_product::HeavyPairsProblem, inner_product::Prefix>(Role::fast);
  registry.add_signs<inner_product::HeavyPairsProblem, inner_product::Lsh>(Role::fast);
  registry.add_signs<inner_product::HeavyPairsProblem, inner_product::Aggregate>(Role::fast, "2311.11429");
  registry.add<inner_product::ReluTrainingProblem, inner_product::DenseStep>(Role::exact);
  registry.add<inner_product::ReluTrainingProblem, inner_product::FiredPairs>(Role::fast, "2311.11429");
  return registry;
}

}  // namespace

const Registry& registry() {
  static const Registry list = make_registry();
  return list;
}

}  // namespace breakeven
