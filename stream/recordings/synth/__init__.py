"""Make pages that nobody recorded, and know beforehand what must come out of them.

::

    what is asked for                                          shape, refusals
      └▶ which bucket stands in which walk and version         plan
           └▶ its rows: dimensions and figures                 rows, dimensions, figures
                ├▶ pages in order, with their cursors          pages, rollups
                └▶ sums by project and tier                    expected_sums

Everything is drawn (``draws``) from the seed and a place (endpoint, walk, bucket, row). Nothing is
kept from one page for the next, so memory does not grow with the rows, and a bucket that comes
again unchanged has the same bytes because it is made again from the same numbers. Figures are drawn
as whole numbers and added up before they become text, so the expectations owe nothing to the code
that they are there to judge: nothing that decodes, dedupes or adds up is imported here.
"""
