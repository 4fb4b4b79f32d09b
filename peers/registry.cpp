#include "registry.hpp"

#include "lapack.hpp"
#include "methods/attention/forward/polynomial.hpp"
#include "methods/attention/forward/ring.hpp"
#include "methods/inner_product/heavy_pairs/gemm.hpp"
#include "methods/inner_product/heavy_pairs/lsh.hpp"
#include "methods/inner_product/heavy_pairs/popcount.hpp"
#include "methods/inner_product/heavy_pairs/prefix.hpp"
#include "methods/regression/least_squares/cholesky_qr2.hpp"
#include "methods/regression/least_squares/normal_equations.hpp"
#include "methods/regression/least_squares/refined_gram.hpp"
#include "methods/regression/least_squares/sketch_precondition.hpp"
#include "methods/regression/least_squares/sketch_solve.hpp"
#include "methods/regression/least_squares/tsqr.hpp"
#include "openblas.hpp"
#include "torch.hpp"
#ifdef BREAKEVEN_HAS_FAISS
#include "faiss.hpp"
#endif
#ifdef BREAKEVEN_HAS_SCALAPACK
#include "scalapack.hpp"
#endif

namespace breakeven {
namespace {

/// What a user would pick instead, beside the methods it is held against. Stands in for the list of src/registry.cpp in
/// the programs of this folder.
Registry make_registry() {
  Registry registry;
  registry.add<attention::ForwardProblem, attention::Ring>(Role::exact);
  registry.add<attention::ForwardProblem, attention::Polynomial>(Role::fast, "2302.13214");
  registry.add<attention::ForwardProblem, peers::TorchWarm>(Role::peer);
  registry.add<attention::ForwardProblem, peers::TorchAsShipped>(Role::peer);
  registry.add<attention::ForwardProblem, peers::OpenBlas>(Role::peer);

  registry.add<regression::LeastSquaresProblem, regression::Tsqr>(Role::exact);
  registry.add<regression::LeastSquaresProblem, regression::RefinedGram>(Role::exact);
  registry.add<regression::LeastSquaresProblem, regression::CholeskyQr2>(Role::exact);
  registry.add<regression::LeastSquaresProblem, regression::NormalEquations>(Role::exact);
  registry.add<regression::LeastSquaresProblem, regression::SketchSolve>(Role::fast, "2311.14823");
  registry.add<regression::LeastSquaresProblem, regression::SketchPrecondition>(Role::fast, "2311.14823");
  registry.add<regression::LeastSquaresProblem, peers::Dgels>(Role::peer);
  registry.add<regression::LeastSquaresProblem, peers::SyrkPosv>(Role::peer);
#ifdef BREAKEVEN_HAS_SCALAPACK
  registry.add<regression::LeastSquaresProblem, peers::Scalapack>(Role::peer);
#endif

  registry.add_signs<inner_product::HeavyPairsProblem, inner_product::Popcount>(Role::exact);
  registry.add_signs<inner_product::HeavyPairsProblem, inner_product::Gemm>(Role::exact);
  registry.add_signs<inner_product::HeavyPairsProblem, inner_product::Prefix>(Role::fast);
  registry.add_signs<inner_product::HeavyPairsProblem, inner_product::Lsh>(Role::fast);
#ifdef BREAKEVEN_HAS_FAISS
  registry.add_signs<inner_product::HeavyPairsProblem, peers::FaissBinary>(Role::peer);
  registry.add_signs<inner_product::HeavyPairsProblem, peers::FaissFlat>(Role::peer);
#endif
  return registry;
}

}  // namespace

const Registry& registry() {
  static const Registry list = make_registry();
  return list;
}

}  // namespace breakeven
