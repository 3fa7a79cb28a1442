#include "vlm_service/scheduler/fair_share.h"

#include <algorithm>
#include <cmath>

namespace glyph::vlm {

void FairShare::Join(SequenceId id, const std::string& tenant) {
  const auto own = tenants_.try_emplace(tenant).first;
  if (own->second.num_members++ == 0) own->second.number = num_tenants_++;
  members_[id].tenant = own;
}

void FairShare::Leave(SequenceId id) {
  const auto member = members_.find(id);
  const auto tenant = member->second.tenant;
  if (--tenant->second.num_members == 0) tenants_.erase(tenant);
  members_.erase(member);
}

void FairShare::Charge(SequenceId id, double cost) {
  if (cost <= 0) return;
  Member& member = members_.at(id);
  Tenant& tenant = member.tenant->second;
  Serve(tenant.served, clock_, cost, static_cast<double>(tenants_.size()));
  Serve(member.served, tenant.clock, cost, tenant.num_members);
}

// Whoever is rounds behind the clock had nothing to do meanwhile: it joins the others.
void FairShare::Serve(double& served, double& clock, double cost, double num_others) const {
  served = std::max(served, Round(clock) * quantum_);
  clock = std::max(clock, Round(served) * quantum_) + cost / num_others;
  served += cost;
}

double FairShare::Round(double served) const { return std::floor(served / quantum_); }

FairShare::Place FairShare::Rank(SequenceId id) const {
  const Member& member = members_.at(id);
  const Tenant& tenant = member.tenant->second;
  return {Round(std::max(tenant.served, clock_)), tenant.number,
          Round(std::max(member.served, tenant.clock))};
}

}  // namespace glyph::vlm
